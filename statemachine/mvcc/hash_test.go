package mvcc

import (
	"fmt"
	"testing"
)

func never() bool { return false }

func (w *world) hash(revision int64) uint32 {
	w.t.Helper()
	hash, ok := w.kv.Hash(revision, never)
	if !ok {
		w.t.Fatalf("no hash of revision %d", revision)
	}
	return hash
}

// The hash of a revision stays what it was when the revision was the last one,
// whatever is written later, and no two revisions have the same.
func TestHashIsOfARevision(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			known := map[int64]uint32{1: w.hash(1)}
			for range 200 {
				w.write()
				last := w.model.last().number
				if hash, again := w.hash(last), known[last]; again != 0 && hash != again {
					t.Fatalf("nothing was written, and the hash changed from %x to %x", again, hash)
				}
				known[last] = w.hash(last)
				if w.rng.IntN(10) == 0 {
					w.commit()
				}
				if w.rng.IntN(60) == 0 {
					w.compact()
					clear(known)
					for revision := w.model.compacted; revision <= last; revision++ {
						known[revision] = w.hash(revision)
					}
				}
			}
			seen := make(map[uint32]int64)
			for revision, want := range known {
				if got := w.hash(revision); got != want {
					t.Errorf("the hash of revision %d was %x and is %x", revision, want, got)
				}
				if other, twice := seen[want]; twice {
					t.Errorf("revisions %d and %d have the same hash", revision, other)
				}
				seen[want] = revision
			}
		})
	}
}

// It does not matter when a compaction came, only how far it went.
func TestHashAfterCompaction(t *testing.T) {
	early, late := newWorld(t, 9), newWorld(t, 9)
	for range 60 {
		early.write()
		late.write()
		if early.model.last().number == 30 && early.model.compacted < 0 {
			early.kv.Compact(20)
			early.model.compacted = 20
		}
	}
	if before := late.hash(30); before == early.hash(30) {
		t.Error("a compaction changes nothing")
	}
	late.kv.Compact(20)
	for revision := int64(20); revision <= late.model.last().number; revision++ {
		if a, b := early.hash(revision), late.hash(revision); a != b {
			t.Errorf("revision %d: %x and %x", revision, a, b)
		}
	}
}

// Whatever differs makes another hash.
func TestHashSeesEverything(t *testing.T) {
	hash := func(change func(kv KV)) uint32 {
		w := newWorld(t, 0)
		w.kv.Put(2, 0, []byte("ab"), []byte("v"), 0, false)
		change(w.kv)
		w.kv.Put(4, 0, []byte("z"), []byte("v"), 0, false)
		return w.hash(4)
	}
	seen := make(map[uint32]string)
	for name, change := range map[string]func(kv KV){
		"nothing":              func(KV) {},
		"a put":                func(kv KV) { kv.Put(3, 0, []byte("c"), []byte("dv"), 0, false) },
		"at another number":    func(kv KV) { kv.Put(3, 1, []byte("c"), []byte("dv"), 0, false) },
		"with another value":   func(kv KV) { kv.Put(3, 0, []byte("c"), []byte("dw"), 0, false) },
		"of another key":       func(kv KV) { kv.Put(3, 0, []byte("cd"), []byte("v"), 0, false) },
		"with a lease":         func(kv KV) { kv.Put(3, 0, []byte("c"), []byte("dv"), 7, false) },
		"of a key that exists": func(kv KV) { kv.Put(3, 0, []byte("ab"), []byte("dv"), 0, false) },
		"a delete":             func(kv KV) { kv.Delete(3, 0, []byte("ab"), nil) },
		"a put that is deleted": func(kv KV) {
			kv.Put(2, 1, []byte("c"), []byte("dv"), 0, false)
			kv.Delete(3, 0, []byte("c"), nil)
		},
	} {
		got := hash(change)
		if other, twice := seen[got]; twice {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[got] = name
	}
	if got := hash(func(KV) {}); got != 0xddc972c3 {
		t.Errorf("%#x, and other versions of this program make 0xddc972c3", got)
	}
}

// A hash that is told to stop does.
func TestHashStops(t *testing.T) {
	w := newWorld(t, 0)
	for i := range 2 * stopEvery {
		w.kv.Put(int64(i)+2, 0, fmt.Appendf(nil, "%d", i), nil, 0, false)
	}
	w.commit()
	view, err := w.db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = view.Close() }()
	asked := 0
	if _, ok := Read(view, testNamespace).Hash(stopEvery, func() bool { asked++; return true }); ok || asked != 1 {
		t.Errorf("it went on: %v, and asked %d times", ok, asked)
	}
}
