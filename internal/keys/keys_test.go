package keys_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// Promise S4: a table keeps its number and its columns for ever. The file
// holds a key of every table.
func TestKeysMatchTheGoldenFile(t *testing.T) {
	ns := keys.Namespace(7)
	kv, name := []byte("a\x00b"), "mutex/a"
	at := func(table keys.Table) []byte { return keys.Prefix(ns, table) }
	named := func(table keys.Table) []byte { return keys.Name(at(table), name) }
	var out strings.Builder
	for _, row := range []struct {
		table string
		key   []byte
	}{
		{"Meta", keys.U8(at(keys.Meta), 1)},
		{"Latest", append(at(keys.Latest), kv...)},
		{"History", keys.NewestFirst(keys.Escaped(at(keys.History), kv), 300)},
		{"Revisions", keys.U32(keys.U64(at(keys.Revisions), 300), 2)},
		{"LeaseKeys", append(keys.I64(at(keys.LeaseKeys), 5), kv...)},
		{"Lease", keys.I64(at(keys.Lease), -5)},
		{"LeaseOwns", keys.Name(keys.U8(keys.I64(at(keys.LeaseOwns), 5), 1), name)},
		{"LeaseDeadline", keys.I64(at(keys.LeaseDeadline), 5)},
		{"Timer", keys.Name(keys.U8(keys.I64(at(keys.Timer), 1000), 1), name)},
		{"DerivedTimer", keys.I64(keys.I64(at(keys.DerivedTimer), 1000), 5)},
		{"Ticket", keys.I64(at(keys.Ticket), 9)},
		{"Mutex", named(keys.Mutex)},
		{"MutexWaiter", keys.I64(named(keys.MutexWaiter), 9)},
		{"Election", named(keys.Election)},
		{"ElectionCandidate", keys.I64(keys.Inverted(named(keys.ElectionCandidate), -1), 9)},
		{"Queue", named(keys.Queue)},
		{"Job", keys.U64(named(keys.Job), 3)},
		{"JobBody", keys.U64(named(keys.JobBody), 3)},
		{"JobReady", keys.U64(keys.Inverted(named(keys.JobReady), 10), 3)},
		{"JobState", keys.U64(keys.U8(named(keys.JobState), 4), 3)},
		{"JobGroup", keys.U64(keys.Name(named(keys.JobGroup), "g"), 3)},
		{"JobDedup", keys.Name(named(keys.JobDedup), "d")},
		{"QueueWaiter", keys.I64(named(keys.QueueWaiter), 9)},
		{"JobGroupHead", keys.Name(named(keys.JobGroupHead), "g")},
		{"Instance", keys.Name(named(keys.Instance), "i")},
		{"DedupeClient", named(keys.DedupeClient)},
		{"DedupeLarge", keys.U64(named(keys.DedupeLarge), 8)},
		{"DedupeResults", keys.U64(named(keys.DedupeResults), 64)},
		{"NodeRecord", named(keys.NodeRecord)},
		{"NamespaceRecord", named(keys.NamespaceRecord)},
		{"SystemRecord", at(keys.SystemRecord)},
	} {
		where := [...]string{"cold", "hot", "derived"}[keys.Where(keys.TableOf(row.key))]
		fmt.Fprintf(&out, "%-17s %-7s %x\n", row.table, where, row.key)
		if keys.NamespaceOf(row.key) != ns {
			t.Errorf("%s: namespace = %d", row.table, keys.NamespaceOf(row.key))
		}
	}
	want, err := os.ReadFile("testdata/keys_v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("keys changed; an old store would not be readable.\nwant:\n%s\ngot:\n%s", want, out.String())
	}
}

func TestByteOrderIsNumberOrder(t *testing.T) {
	ordered := func(what string, encoded ...[]byte) {
		t.Helper()
		for i := 1; i < len(encoded); i++ {
			if bytes.Compare(encoded[i-1], encoded[i]) >= 0 {
				t.Errorf("%s: %x is not below %x", what, encoded[i-1], encoded[i])
			}
		}
	}
	i64 := func(v int64) []byte { return keys.I64(nil, v) }
	ordered("i64", i64(math.MinInt64), i64(-2), i64(-1), i64(0), i64(1), i64(256), i64(math.MaxInt64))
	inverted := func(v int32) []byte { return keys.Inverted(nil, v) }
	ordered("inverted", inverted(math.MaxInt32), inverted(7), inverted(0), inverted(-1), inverted(math.MinInt32))
	newest := func(v int64) []byte { return keys.NewestFirst(nil, v) }
	ordered("newest first", newest(math.MaxInt64), newest(256), newest(2), newest(1), newest(0))
	name := func(s string) []byte { return keys.I64(keys.Name(nil, s), -1) }
	ordered("name", name(""), name("a"), name("a\x01"), name("aa"), name("b"))
}

func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "a\xff": "b", "a\xff\xff": "b", "\x00": "\x01", "a\x00": "a\x01",
	} {
		if got := keys.After([]byte(prefix)); string(got) != want {
			t.Errorf("After(%q) = %q, want %q", prefix, got, want)
		}
	}
	for _, prefix := range []string{"", "\xff", "\xff\xff"} {
		if got := keys.After([]byte(prefix)); got != nil {
			t.Errorf("After(%q) = %q, want nothing", prefix, got)
		}
	}
}

func TestMalformedColumns(t *testing.T) {
	for _, src := range []string{"", "a", "a\x00", "a\x00\x02", "a\x00\xff"} {
		if key, _, err := keys.Unescape([]byte(src)); !errors.Is(err, keys.ErrMalformed) {
			t.Errorf("Unescape(%q) = %q, %v", src, key, err)
		}
	}
	if _, _, err := keys.ReadName([]byte("abc")); !errors.Is(err, keys.ErrMalformed) {
		t.Errorf("a name without an end reads as %v", err)
	}
	short := []byte{1, 2, 3}
	_, _, u64 := keys.ReadU64(short)
	_, _, i64 := keys.ReadI64(short)
	_, _, u32 := keys.ReadU32(short)
	for _, err := range []error{u64, i64, u32} {
		if !errors.Is(err, keys.ErrMalformed) {
			t.Errorf("a short number reads as %v", err)
		}
	}
}

// An escaped key keeps the order of keys whatever follows, and comes back.
func FuzzEscaped(f *testing.F) {
	for _, a := range []string{"", "a", "\x00", "\x00\xff", "\x00\x01", "a\x00", "\xff"} {
		for _, b := range []string{"", "a\x00b", "\x00\x00", "b"} {
			f.Add([]byte(a), []byte(b), uint64(1), uint64(math.MaxUint64))
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte, afterA, afterB uint64) {
		ea, eb := keys.U64(keys.Escaped(nil, a), afterA), keys.U64(keys.Escaped(nil, b), afterB)
		want := cmp.Or(bytes.Compare(a, b), cmp.Compare(afterA, afterB))
		if got := bytes.Compare(ea, eb); got != want {
			t.Fatalf("%q %d and %q %d compare as %d, want %d", a, afterA, b, afterB, got, want)
		}
		key, rest, err := keys.Unescape(ea)
		if err != nil || !bytes.Equal(key, a) {
			t.Fatalf("%q came back as %q, %v", a, key, err)
		}
		if n, rest, err := keys.ReadU64(rest); err != nil || n != afterA || len(rest) != 0 {
			t.Fatalf("%d came back as %d, %v", afterA, n, err)
		}
	})
}

// Columns that were not written by this package are refused, never misread.
func FuzzUnescape(f *testing.F) {
	f.Add([]byte("a\x00\xffb\x00\x01rest"))
	f.Fuzz(func(t *testing.T, src []byte) {
		key, rest, err := keys.Unescape(src)
		if err != nil {
			return
		}
		if again := append(keys.Escaped(nil, key), rest...); !bytes.Equal(again, src) {
			t.Fatalf("%x reads as %x and %x, which is written as %x", src, key, rest, again)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add(int64(0), int64(-1), int32(5), int32(-5))
	f.Fuzz(func(t *testing.T, a, b int64, p, q int32) {
		if got := bytes.Compare(keys.I64(nil, a), keys.I64(nil, b)); got != cmp.Compare(a, b) {
			t.Fatalf("%d and %d compare as %d", a, b, got)
		}
		if got := bytes.Compare(keys.Inverted(nil, p), keys.Inverted(nil, q)); got != cmp.Compare(q, p) {
			t.Fatalf("inverted %d and %d compare as %d", p, q, got)
		}
		if back, _, err := keys.ReadI64(keys.I64(nil, a)); err != nil || back != a {
			t.Fatalf("%d came back as %d, %v", a, back, err)
		}
		if got := bytes.Compare(keys.NewestFirst(nil, a), keys.NewestFirst(nil, b)); got != cmp.Compare(uint64(b), uint64(a)) {
			t.Fatalf("newest first %d and %d compare as %d", a, b, got)
		}
	})
}
