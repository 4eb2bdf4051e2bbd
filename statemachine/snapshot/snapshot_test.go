package snapshot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files again")

type pair struct{ Key, Value string }

func write(t testing.TB, records []pair) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, &storagev1.SnapshotHeader{ShardId: 2, AppliedIndex: 77})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range records {
		if err := w.Add([]byte(p.Key), []byte(p.Value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(data []byte) (records []pair, header *storagev1.SnapshotHeader, err error) {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	for {
		key, value, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, r.Header(), nil
		}
		if err != nil {
			return nil, nil, err
		}
		records = append(records, pair{string(key), string(value)})
	}
}

func few() []pair { return []pair{{"a", "1"}, {"b", ""}, {"c", "three"}} }

func TestRoundTrip(t *testing.T) {
	large := string(bytes.Repeat([]byte{'x'}, BlockBytes+100))
	many := make([]pair, 5000)
	for i := range many {
		many[i] = pair{fmt.Sprintf("key/%06d", i), fmt.Sprintf("%0200d", i)}
	}
	for name, records := range map[string][]pair{
		"empty":        nil,
		"few":          few(),
		"large record": {{"a", "1"}, {"b", large}, {"c", "2"}},
		"many blocks":  many,
	} {
		t.Run(name, func(t *testing.T) {
			got, header, err := read(write(t, records))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(records, got); diff != "" {
				t.Errorf("records differ (-want +got):\n%s", diff)
			}
			if header.GetShardId() != 2 || header.GetAppliedIndex() != 77 {
				t.Errorf("header is %v", header)
			}
		})
	}
}

// Promise S4: the format of written snapshots does not change.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "snapshot_v1.hex")
	data := write(t, few())
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
		t.Errorf("the snapshot format changed (-golden +now):\n%s", diff)
	}
}

// Any single damaged byte and any cut is noticed.
func TestDamageIsRefused(t *testing.T) {
	data := write(t, few())
	for i := range data {
		broken := bytes.Clone(data)
		broken[i] ^= 0x41
		if _, _, err := read(broken); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Errorf("byte %d changed: got %v", i, err)
		}
		if _, _, err := read(data[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut off after %d bytes: got %v", i, err)
		}
	}
}

// Whole blocks that are right in themselves, but not where they belong.
func TestMissingAndSwappedBlocksAreRefused(t *testing.T) {
	value := string(bytes.Repeat([]byte{'x'}, BlockBytes))
	data := write(t, []pair{{"a", value}, {"b", value}, {"c", value}})
	size := BlockBytes + len("a") + 1 + 3 + 8
	end := len(data) - 4 - 24
	first, second, third := data[end-3*size:end-2*size], data[end-2*size:end-size], data[end-size:end]
	head, tail := data[:end-3*size], data[end:]
	for name, parts := range map[string][][]byte{
		"missing": {head, first, third, tail},
		"swapped": {head, second, first, third, tail},
		"twice":   {head, first, first, second, third, tail},
	} {
		if _, _, err := read(bytes.Join(parts, nil)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, _, err := read(bytes.Join([][]byte{head, first, second, third, tail}, nil)); err != nil {
		t.Errorf("the test cuts the blocks wrongly: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(write(f, few()))
	f.Add([]byte(magic + "\x01\x0f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _, err := read(data)
		if err != nil {
			return
		}
		if again, _, err := read(write(t, records)); err != nil || !cmp.Equal(records, again) {
			t.Fatalf("what was read does not survive being written again: %v", err)
		}
	})
}
