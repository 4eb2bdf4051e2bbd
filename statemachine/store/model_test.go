package store

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/conclavehq/conclave/internal/keys"
)

// model is what a store is meant to be: a plain map.
type model map[string]string

// persisted is the model without the derived records, which no reopening
// survives.
func (m model) persisted() model {
	out := maps.Clone(m)
	maps.DeleteFunc(out, func(key, _ string) bool {
		return keys.Where(keys.TableOf([]byte(key))) == keys.Derived
	})
	return out
}

func (m model) list(from, to string) (records []string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key >= from && key < to {
			records = append(records, fmt.Sprintf("%x=%s", key, m[key]))
		}
	}
	return records
}

func (m model) deleteRange(from, to string) {
	maps.DeleteFunc(m, func(key, _ string) bool { return key >= from && key < to })
}

var testTables = []keys.Table{keys.Meta, keys.Lease, keys.Timer, keys.DerivedTimer, keys.Latest, keys.Revisions, keys.JobState}

// randomKey picks one of few keys, so that operations meet.
func randomKey(rng *rand.Rand) []byte {
	ns := keys.Namespace(1 + rng.IntN(3))
	table := testTables[rng.IntN(len(testTables))]
	return keys.U8(keys.Prefix(ns, table), uint8(rng.IntN(12)))
}

// harness runs the same operations on a store and on the model.
type harness struct {
	t     *testing.T
	rng   *rand.Rand
	fs    vfs.FS
	db    *DB
	batch *Batch
	// model is the committed state, next what the batch makes of it.
	model, next model
	steps       int
}

func (h *harness) open() {
	h.t.Helper()
	db, err := Open("db", Options{FS: h.fs, MemTableBytes: 64 << 10})
	if err != nil {
		h.t.Fatal(err)
	}
	h.db = db
}

func (h *harness) begin() {
	h.batch = h.db.NewBatch()
	h.next = maps.Clone(h.model)
}

// change does one random change on both sides.
func (h *harness) change() {
	h.steps++
	key := randomKey(h.rng)
	switch p := h.rng.IntN(100); {
	case p < 60:
		value := fmt.Sprintf("v%d", h.steps)
		if h.rng.IntN(4) == 0 {
			value = strings.Repeat("same", h.rng.IntN(2))
		}
		h.batch.Set(key, []byte(value))
		h.next[string(key)] = value
	case p < 95:
		h.batch.Delete(key)
		delete(h.next, string(key))
	case p < 98:
		to := keys.After(key[:keys.HeaderLen])
		h.batch.DeleteRange(key, to)
		h.next.deleteRange(string(key), string(to))
	default:
		prefix := key[:keys.HeaderLen-h.rng.IntN(2)]
		h.batch.DeletePrefix(prefix)
		h.next.deleteRange(string(prefix), string(keys.After(prefix)))
	}
}

// command does changes of which some, or all, are rolled back.
func (h *harness) command(depth int) {
	for range 1 + h.rng.IntN(5) {
		h.change()
		if depth < 3 && h.rng.IntN(4) == 0 {
			mark, before := h.batch.Mark(), maps.Clone(h.next)
			h.command(depth + 1)
			if h.rng.IntN(2) == 0 {
				h.batch.Rollback(mark)
				h.next = before
			}
		}
		if h.rng.IntN(2) == 0 { // or what finds records is made late
			h.check()
		}
	}
}

// check reads a key and a range both ways.
func (h *harness) check() {
	h.t.Helper()
	key := randomKey(h.rng)
	got := h.batch.Get(key)
	want, found := h.next[string(key)]
	if (got != nil) != found || string(got) != want {
		h.t.Fatalf("step %d: Get(%x) = %q, want %q (%v)", h.steps, key, got, want, found)
	}
	to := keys.After(key[:keys.HeaderLen])
	scan := h.batch.Scan
	if h.rng.IntN(2) == 0 {
		scan = h.batch.Walk
	}
	if diff := cmp.Diff(h.next.list(string(key), string(to)), collect(scan, key, to)); diff != "" {
		h.t.Fatalf("step %d: scan from %x (-want +got):\n%s", h.steps, key, diff)
	}
}

func collect(scan func(from, to []byte, visit func(k, v []byte) bool), from, to []byte) (records []string) {
	scan(from, to, func(key, value []byte) bool {
		records = append(records, fmt.Sprintf("%x=%s", key, value))
		return true
	})
	return records
}

// end commits or discards the batch, and compares everything on disk.
func (h *harness) end() {
	h.t.Helper()
	if h.rng.IntN(5) == 0 {
		h.batch.Discard()
	} else {
		if err := h.batch.Commit(); err != nil {
			h.t.Fatal(err)
		}
		h.model = h.next
	}
	if diff := cmp.Diff(h.model.persisted().list("", "\xff"), contents(h.t, h.db)); diff != "" {
		h.t.Fatalf("step %d: on disk (-want +got):\n%s", h.steps, diff)
	}
}

// contents lists every persisted record of a store.
func contents(t *testing.T, db *DB) []string {
	t.Helper()
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	all := collect(view.Walk, nil, nil)
	if view.Err() != nil {
		t.Fatal(view.Err())
	}
	return all
}

func (h *harness) reopen() {
	h.t.Helper()
	if err := h.db.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
	h.model = h.model.persisted()
}

// Promise S1: a batch is on disk whole, and what was rolled back leaves no
// trace, in memory or on disk, now or after a restart.
func TestRandomOperationsMatchAPlainMap(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			h := &harness{t: t, rng: rand.New(rand.NewPCG(seed, 1)), fs: vfs.NewMem(), model: model{}}
			h.open()
			for range 150 {
				h.begin()
				for range 1 + h.rng.IntN(8) {
					h.command(0)
				}
				h.end()
				if h.rng.IntN(25) == 0 {
					h.reopen()
				}
			}
			if err := h.db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A rule may write to other ranges while it scans one.
func TestScanAllowsChangesElsewhere(t *testing.T) {
	for _, table := range []keys.Table{keys.Mutex, keys.Latest} {
		db := openMem(t)
		batch := db.NewBatch()
		key := func(n int) []byte { return keys.U32(keys.Prefix(2, table), uint32(n)) }
		for n := range 500 {
			batch.Set(key(n), []byte("v"))
			if n == 250 && batch.Commit() != nil {
				t.Fatal("commit failed")
			}
		}
		var seen int
		prefix := keys.Prefix(2, table)
		batch.Scan(prefix, keys.After(prefix), func(k, v []byte) bool {
			if !bytes.Equal(k, key(seen)) {
				t.Fatalf("table %x: record %d has key %x", table, seen, k)
			}
			batch.Set(keys.U32(keys.Prefix(1, table), uint32(seen)), v)
			batch.Delete(keys.U32(keys.Prefix(1, table), uint32(seen-1)))
			batch.Set(keys.U32(keys.Prefix(3, table), uint32(seen)), v)
			seen++
			return true
		})
		if seen != 500 {
			t.Errorf("table %x: scan saw %d of 500 records", table, seen)
		}
	}
}
