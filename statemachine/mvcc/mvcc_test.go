package mvcc

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

func TestFreshNamespace(t *testing.T) {
	w := newWorld(t, 0)
	if got := w.kv.Compacted(); got != -1 {
		t.Errorf("Compacted() = %d, want -1", got)
	}
	result, refusal := w.kv.Range(&logv1.Range{Key: []byte{0}, RangeEnd: []byte{0}}, 1)
	if refusal != nil {
		t.Fatal(refusal)
	}
	w.same("range", &logv1.RangeResult{Revision: 1}, result)
	if removed := w.kv.Compact(0); removed != 0 || w.kv.Compacted() != 0 {
		t.Errorf("Compact(0) removed %d, compacted is %d", removed, w.kv.Compacted())
	}
}

func TestReadableRevisions(t *testing.T) {
	w := newWorld(t, 0)
	for revision := int64(2); revision <= 9; revision++ {
		w.kv.Put(revision, 0, []byte("k"), []byte("v"), 0, true)
	}
	w.kv.Compact(5)
	for _, test := range []struct {
		revision int64
		want     logv1.Reason
		known    int64
	}{
		{-1, logv1.Reason_REASON_UNSPECIFIED, 0},
		{0, logv1.Reason_REASON_UNSPECIFIED, 0},
		{1, logv1.Reason_REASON_COMPACTED, 5},
		{4, logv1.Reason_REASON_COMPACTED, 5},
		{5, logv1.Reason_REASON_UNSPECIFIED, 0},
		{9, logv1.Reason_REASON_UNSPECIFIED, 0},
		{10, logv1.Reason_REASON_FUTURE_REVISION, 9},
	} {
		_, refusal := w.kv.Range(&logv1.Range{Key: []byte("k"), Revision: test.revision}, 9)
		if refusal.GetReason() != test.want || refusal.GetRevision() != test.known {
			t.Errorf("read at %d: %v %d, want %v %d", test.revision,
				refusal.GetReason(), refusal.GetRevision(), test.want, test.known)
		}
	}
}

// A watch that begins at the compacted revision still gets what that revision
// did, a delete included; one that begins before is told.
func TestHistoryAtTheCompactedRevision(t *testing.T) {
	w := newWorld(t, 0)
	key := []byte("k")
	w.kv.Put(2, 0, key, []byte("v"), 0, true)
	w.kv.Delete(3, 0, key, nil)
	w.kv.Put(4, 0, key, []byte("w"), 0, true)
	w.kv.Compact(3)

	var events []*logv1.KVEvent
	keep := func(_ int64, event *logv1.KVEvent) bool {
		events = append(events, event)
		return true
	}
	for _, to := range []int64{4, 4 + manyRevisions} {
		events = nil
		if refusal := w.kv.History(Changes{From: 3, To: to, Key: key, Previous: true}, keep); refusal != nil {
			t.Fatal(refusal)
		}
		w.same("events", []*logv1.KVEvent{
			{Type: logv1.KVEvent_TYPE_DELETE, Kv: &logv1.KeyValue{Key: key, ModRevision: 3}},
			{Type: logv1.KVEvent_TYPE_PUT, Kv: &logv1.KeyValue{
				Key: key, Value: []byte("w"), CreateRevision: 4, ModRevision: 4, Version: 1,
			}},
		}, events)
	}

	refusal := w.kv.History(Changes{From: 2, To: 4, Key: key}, keep)
	if refusal.GetReason() != logv1.Reason_REASON_COMPACTED || refusal.GetRevision() != 3 {
		t.Errorf("history from 2 = %v, want COMPACTED at 3", refusal)
	}
}

func TestHistoryStopsWhenTold(t *testing.T) {
	w := newWorld(t, 0)
	for revision := int64(2); revision < 50; revision++ {
		w.kv.Put(revision, 0, []byte("k"), nil, 0, true)
	}
	var seen []int64
	w.kv.History(Changes{From: 5, To: math.MaxInt64 - 1, Key: []byte("k")},
		func(revision int64, _ *logv1.KVEvent) bool {
			seen = append(seen, revision)
			return len(seen) < 3
		})
	w.same("revisions", []int64{5, 6, 7}, seen)
}

// A key of many or large versions is read like all others.
func TestHistoryOfABusyKey(t *testing.T) {
	for name, size := range map[string]int{"many": 0, "large": 2 * maxLifeBytes / manyRevisions} {
		w := newWorld(t, 0)
		last := int64(maxLives + 50)
		if size > 0 {
			last = 2 * manyRevisions
		}
		for revision := int64(2); revision <= last; revision++ {
			w.kv.Put(revision, 0, []byte("k"), make([]byte, size), 0, true)
		}
		if _, ok := w.kv.lives([]byte("k"), 2); ok {
			t.Errorf("%s: not too many", name)
		}
		next := int64(2)
		w.kv.History(Changes{From: 2, To: last, Key: []byte("k")}, func(revision int64, event *logv1.KVEvent) bool {
			if revision != next || event.GetKv().GetVersion() != revision-1 {
				t.Fatalf("%s: %d is %v, want revision %d", name, revision, event.GetKv().GetVersion(), next)
			}
			next++
			return true
		})
		if next != last+1 {
			t.Errorf("%s: read up to %d of %d", name, next-1, last)
		}
	}
}

// A namespace's records are its own.
func TestNamespacesAreApart(t *testing.T) {
	w := newWorld(t, 0)
	other := New(w.batch, testNamespace+1)
	w.kv.Put(2, 0, []byte("k"), []byte("mine"), 5, true)
	other.Put(2, 0, []byte("k"), []byte("theirs"), 5, true)
	other.Compact(2)
	other.Delete(3, 0, []byte{0}, []byte{0})
	if got := string(w.kv.Current([]byte("k")).GetValue()); got != "mine" {
		t.Errorf("value = %q after another namespace deleted everything", got)
	}
	if w.kv.Compacted() != -1 || len(w.kv.LeaseKeys(5)) != 1 {
		t.Error("another namespace's compaction or leases show here")
	}
	everything := Changes{From: 0, To: 10, Key: []byte{0}, RangeEnd: []byte{0}}
	w.kv.History(everything, func(_ int64, event *logv1.KVEvent) bool {
		if event.Type != logv1.KVEvent_TYPE_PUT {
			t.Errorf("another namespace's event: %v", event)
		}
		return true
	})
}

func TestKeyChangesOncePerRevision(t *testing.T) {
	w := newWorld(t, 0)
	w.kv.Put(2, 0, []byte("k"), nil, 0, true)
	defer func() {
		if recover() == nil {
			t.Error("a second version at one revision was accepted")
		}
	}()
	w.kv.Put(2, 1, []byte("k"), nil, 0, true)
}

// What a compaction leaves is what a fresh namespace with the same live keys
// and changes would hold: nothing of the past stays on disk.
func TestCompactionLeavesNothingBehind(t *testing.T) {
	w := newWorld(t, 0)
	last := int64(1)
	for n := range 60 {
		last++
		w.kv.Put(last, 0, fmt.Appendf(nil, "k%d", n%6), []byte("v"), 0, true)
		if n%7 == 0 {
			w.commit()
		}
	}
	last++
	w.kv.Delete(last, 0, []byte("k"), []byte("l"))
	if removed := w.kv.Compact(last); removed != 60 {
		t.Errorf("removed %d versions, want all 60", removed)
	}
	w.commit()
	left := make(map[keys.Table]int)
	view, err := w.db.View()
	if err != nil {
		t.Fatal(err)
	}
	view.ScanAll(func(key, _ []byte) bool {
		left[keys.TableOf(key)]++
		return true
	})
	if err := errors.Join(view.Err(), view.Close()); err != nil {
		t.Fatal(err)
	}
	// The last revision's changes stay for a watch that begins there.
	w.same("records", map[keys.Table]int{keys.Meta: 1, keys.Revisions: 6}, left)
}

// brokenReader fails every read.
type brokenReader struct{}

func (brokenReader) Get([]byte) []byte { return nil }
func (brokenReader) Walk(from, to []byte, visit func(key, value []byte) bool) {
	if keys.TableOf(from) == keys.Revisions {
		visit(revisionKey(testNamespace, 2, 0), change{kind: logv1.KVEvent_TYPE_PUT, key: []byte("k")}.encode(nil))
	}
}
func (brokenReader) Err() error { return errors.New("disk is gone") }

// A failed read is the reader's to report, not a damaged state.
func TestFailedReadIsNoDamage(t *testing.T) {
	s := Read(brokenReader{}, testNamespace)
	if s.Current([]byte("k")) != nil {
		t.Error("a key was read from a broken disk")
	}
	s.History(Changes{From: 1, To: 9, Key: []byte("k")}, func(int64, *logv1.KVEvent) bool {
		t.Error("an event was read from a broken disk")
		return true
	})
}
