package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file anew; only for a new format version")

// pages is a source that answers in pages of two.
type pages struct {
	keys   []Key
	leases []Lease
	fails  error
}

func (p pages) Keys(_ context.Context, from []byte) ([]Key, bool, error) {
	i := 0
	for i < len(p.keys) && bytes.Compare(p.keys[i].Key, from) < 0 {
		i++
	}
	end := min(i+2, len(p.keys))
	return p.keys[i:end], end < len(p.keys), p.fails
}

func (p pages) Leases(_ context.Context, after int64) ([]Lease, bool, error) {
	i := 0
	for after != 0 && i < len(p.leases) && p.leases[i].ID <= after {
		i++
	}
	end := min(i+2, len(p.leases))
	return p.leases[i:end], end < len(p.leases), nil
}

var header = Header{
	Cluster: 0xC0FFEE, Namespace: "default", Revision: 300,
	Made: time.UnixMilli(1_700_000_000_123), Program: "conclave test",
}

func few() pages {
	return pages{
		keys: []Key{
			{Key: []byte{0}, Value: []byte("first"), CreateRevision: 2, ModRevision: 2, Version: 1},
			{Key: []byte("a"), CreateRevision: 3, ModRevision: 300, Version: 12, Lease: -8},
			{Key: []byte("b"), Value: []byte("two"), CreateRevision: 4, ModRevision: 5, Version: 2, Lease: 7},
			{Key: []byte("b/c"), Value: []byte{0xFF}, CreateRevision: 6, ModRevision: 6, Version: 1, Lease: 99},
		},
		leases: []Lease{{ID: -8, TTL: time.Minute}, {ID: 5, TTL: time.Second}, {ID: 7, TTL: 9_000_000_000 * time.Second}},
	}
}

func write(t testing.TB, source pages) ([]byte, Summary) {
	t.Helper()
	var out bytes.Buffer
	summary, err := Write(t.Context(), &out, header, source)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), summary
}

func read(data []byte) (pages, *Reader, error) {
	r, err := NewReader(iotest.HalfReader(bytes.NewReader(data)))
	if err != nil {
		return pages{}, nil, err
	}
	var all pages
	for {
		keys, leases, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, r, nil
		}
		if err != nil {
			return pages{}, r, err
		}
		all.keys, all.leases = append(all.keys, keys...), append(all.leases, leases...)
	}
}

// sealed is an archive with the sum that etcdctl writes after it.
func sealed(data []byte) []byte {
	sum := sha256.Sum256(data)
	return append(bytes.Clone(data), sum[:]...)
}

func TestRoundTrip(t *testing.T) {
	many := pages{}
	for i := range 3000 {
		many.keys = append(many.keys, Key{
			Key: fmt.Appendf(nil, "key/%06d", i), Value: fmt.Appendf(nil, "%0200d", i), CreateRevision: 2, ModRevision: 3, Version: 2,
		})
	}
	large := pages{keys: []Key{
		{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b"), Value: make([]byte, 2*blockBytes)}, {Key: []byte("c")},
	}}
	for name, source := range map[string]pages{"empty": {}, "few": few(), "many blocks": many, "large key": large} {
		t.Run(name, func(t *testing.T) {
			data, summary := write(t, source)
			if len(data)%Align != 0 || int64(len(data)) != summary.Bytes {
				t.Errorf("the archive has %d bytes, the summary says %d", len(data), summary.Bytes)
			}
			for _, data := range [][]byte{data, sealed(data)} {
				got, r, err := read(data)
				if err != nil {
					t.Fatal(err)
				}
				want := source
				if name == "few" { // the list of leases lacks one that a key has
					want.leases = append(want.leases[:3:3], Lease{ID: 99, TTL: OrphanTTL})
				}
				same := cmp.Options{cmp.AllowUnexported(pages{}), cmp.Comparer(bytes.Equal)}
				if diff := cmp.Diff(want, got, same); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(header, r.Header()); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
				if r.Summary() != summary || r.Sealed() != (len(data)%Align != 0) {
					t.Errorf("summary %+v, want %+v; sealed %v", r.Summary(), summary, r.Sealed())
				}
			}
		})
	}
}

// Promise S4: what was written once can be read for ever.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "archive_v1.hex")
	data, _ := write(t, few())
	if *rewrite {
		if err := os.WriteFile(path, []byte(hex.Dump(data)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), hex.Dump(data)); diff != "" {
		t.Errorf("the archive format changed (-golden +now):\n%s", diff)
	}
}

// Any single damaged byte and any cut is noticed.
func TestDamageIsRefused(t *testing.T) {
	data, _ := write(t, few())
	for _, data := range [][]byte{data, sealed(data)} {
		for i := range data {
			broken := bytes.Clone(data)
			broken[i] ^= 0x41
			_, _, err := read(broken)
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) && !(i < len(magic) && errors.Is(err, ErrForeign)) {
				t.Errorf("byte %d of %d changed: %v", i, len(data), err)
			}
			if i == 0 || i == len(data)-sha256.Size {
				continue // a whole archive without its sum is one
			}
			if _, _, err := read(data[:i]); err == nil {
				t.Errorf("cut off after %d of %d bytes, and read", i, len(data))
			}
		}
		if _, _, err := read(append(sealed(data), 0)); !errors.Is(err, ErrDamaged) {
			t.Errorf("something follows: %v", err)
		}
	}
}

// Whole blocks that are right in themselves, but not where they belong.
func TestMissingAndSwappedBlocksAreRefused(t *testing.T) {
	value := make([]byte, blockBytes)
	data, _ := write(t, pages{keys: []Key{
		{Key: []byte("a"), Value: value}, {Key: []byte("b"), Value: value}, {Key: []byte("c"), Value: value},
	}})
	first := bytes.Index(data, []byte("\x0a\x01a")) - 8 // length of the block, and of the key's message with its tag
	size := bytes.Index(data, []byte("\x0a\x01b")) - bytes.Index(data, []byte("\x0a\x01a"))
	head, a, b, tail := data[:first], data[first:first+size], data[first+size:first+2*size], data[first+2*size:]
	for name, parts := range map[string][][]byte{
		"missing": {head, a, tail}, "swapped": {head, b, a, tail}, "twice": {head, a, a, b, tail},
	} {
		if _, _, err := read(bytes.Join(parts, nil)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := read(bytes.Join([][]byte{head, a, b, tail}, nil)); err != nil {
		t.Errorf("the test cuts the blocks wrongly: %v", err)
	}
}

func TestForeignFiles(t *testing.T) {
	bolt := make([]byte, 4096)
	copy(bolt[16:], []byte{0xED, 0xDA, 0x0C, 0xED})
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":       {nil, ErrForeign},
		"text":          {[]byte("hello, this is a text and not an archive"), ErrForeign},
		"bbolt":         {bolt, ErrBolt},
		"later version": {[]byte(magic + "\x02and something that we cannot know"), ErrVersion},
		"only a magic":  {[]byte(magic), ErrForeign},
		"large block":   {[]byte(magic + "\x01\xff\xff\xff\xffxxxxxxxxxxxxxxxxx"), ErrDamaged},
	} {
		if _, _, err := read(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	failure := errors.New("the source failed")
	for name, source := range map[string]pages{
		"source fails":  {fails: failure},
		"out of order":  {keys: []Key{{Key: []byte("b")}, {Key: []byte("a")}}},
		"from later on": {keys: []Key{{Key: []byte("b"), ModRevision: 301}}},
	} {
		if _, err := Write(t.Context(), io.Discard, header, source); err == nil {
			t.Errorf("%s: no error", name)
		} else if source.fails != nil && !errors.Is(err, failure) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Write(t.Context(), failing{failure}, header, few()); !errors.Is(err, failure) {
		t.Errorf("the writer fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Two stores are the same when their digests are; whatever differs shows in it.
func TestDigest(t *testing.T) {
	of := func(keys ...Key) uint64 {
		var d Digest
		for i := range keys {
			d.Add(&keys[i])
		}
		return d.Sum()
	}
	key := Key{Key: []byte("a"), Value: []byte("b"), CreateRevision: 1, ModRevision: 2, Version: 3, Lease: 4}
	seen := map[uint64]string{of(): "nothing"}
	for name, change := range map[string]func(k *Key){
		"as it is": func(*Key) {}, "key": func(k *Key) { k.Key = []byte("ab"); k.Value = nil }, "value": func(k *Key) { k.Value = []byte("c") },
		"create": func(k *Key) { k.CreateRevision++ }, "mod": func(k *Key) { k.ModRevision++ },
		"version": func(k *Key) { k.Version++ }, "lease": func(k *Key) { k.Lease++ },
	} {
		changed := key
		change(&changed)
		sum := of(changed)
		if seen[sum] != "" {
			t.Errorf("%s has the digest of %s", name, seen[sum])
		}
		seen[sum] = name
		if sum != of(changed) {
			t.Errorf("%s has two digests", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	data, _ := write(f, few())
	f.Add(data)
	f.Add(sealed(data))
	f.Add([]byte(magic + "\x01\x00\x00\x00\x02xxxxxxxxxxxx"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _, _ = read(data) // must end, without a panic
	})
}
