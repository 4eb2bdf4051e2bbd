package statemachine

import (
	"fmt"
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/statemachine/mvcc"
	"github.com/conclavehq/conclave/statemachine/store"
)

// tx is what one command sees and changes.
type tx struct {
	batch *store.Batch
	kv    mvcc.KV
	ns    *namespace
	clock recipes.Clock
	wall  int64

	// revision is the namespace's, including the one that the command took.
	revision int64
	taken    bool
	// number counts the KV events under the command's revision.
	number uint32
	events []*logv1.Event
	marks  []txMark
	// restarted says that watchers of keys must read the history anew.
	restarted bool
}

// txMark is what Rollback restores beside the batch.
type txMark struct {
	batch     int
	revision  int64
	taken     bool
	restarted bool
	number    uint32
	events    int
}

var _ recipes.Tx = (*tx)(nil)

// newTx begins a command in a namespace.
func newTx(batch *store.Batch, ns *namespace, clock recipes.Clock, wall int64) *tx {
	return new(tx).begin(batch, ns, clock, wall)
}

// begin begins the next command, with the memory of the one before.
func (t *tx) begin(batch *store.Batch, ns *namespace, clock recipes.Clock, wall int64) *tx {
	clear(t.events)
	*t = tx{
		batch: batch, kv: mvcc.New(batch, ns.id), ns: ns,
		clock: clock, wall: wall, revision: ns.revision,
		events: t.events[:0], marks: t.marks[:0],
	}
	return t
}

// Namespace returns the command's namespace.
func (t *tx) Namespace() keys.Namespace { return t.ns.id }

// Clock returns the log clock of the batch.
func (t *tx) Clock() recipes.Clock { return t.clock }

// WallMS returns the leader's wall clock.
func (t *tx) WallMS() int64 { return t.wall }

// Revision returns the namespace's revision with the command's own.
func (t *tx) Revision() recipes.Revision { return recipes.Revision(t.revision) }

// NextRevision takes the command's revision.
func (t *tx) NextRevision() recipes.Revision {
	if !t.taken {
		t.revision++
		t.taken = true
	}
	return recipes.Revision(t.revision)
}

// Get returns a record.
func (t *tx) Get(key []byte) []byte { return t.batch.Get(key) }

// Scan visits records in key order.
func (t *tx) Scan(from, to []byte, visit func(key, value []byte) bool) {
	t.batch.Scan(from, to, visit)
}

// Set writes a record.
func (t *tx) Set(key, value []byte) {
	t.checkOwn(key)
	t.batch.Set(key, value)
}

// Delete removes a record.
func (t *tx) Delete(key []byte) {
	t.checkOwn(key)
	t.batch.Delete(key)
}

// checkOwn panics when a rule writes outside of its namespace.
func (t *tx) checkOwn(key []byte) {
	if keys.NamespaceOf(key) != t.ns.id {
		panic(fmt.Sprintf("statemachine: a rule in namespace %d writes key %x", t.ns.id, key))
	}
}

// Emit adds an event; finish stamps it.
func (t *tx) Emit(event *logv1.Event) { t.events = append(t.events, event) }

// Mark returns a point for Rollback.
func (t *tx) Mark() int {
	t.marks = append(t.marks, txMark{
		batch: t.batch.Mark(), revision: t.revision, taken: t.taken, restarted: t.restarted,
		number: t.number, events: len(t.events),
	})
	return len(t.marks) - 1
}

// Rollback undoes everything since a mark. Marks made since are void.
func (t *tx) Rollback(mark int) {
	m := t.marks[mark]
	t.marks = t.marks[:mark+1]
	t.batch.Rollback(m.batch)
	t.revision, t.taken, t.restarted, t.number = m.revision, m.taken, m.restarted, m.number
	clear(t.events[m.events:])
	t.events = t.events[:m.events]
}

// Current returns the current version of a key.
func (t *tx) Current(key []byte) *logv1.KeyValue { return t.kv.Current(key) }

// Range answers a range read.
func (t *tx) Range(q *logv1.Range) (*logv1.RangeResult, *logv1.Refusal) {
	return t.kv.Range(q, t.revision)
}

// Compacted returns the revision below which history is forgotten.
func (t *tx) Compacted() recipes.Revision { return recipes.Revision(t.kv.Compacted()) }

// PutKey writes a version of a key under the command's revision.
func (t *tx) PutKey(key, value []byte, leaseID int64) {
	t.emitKV(t.kv.Put(int64(t.NextRevision()), t.number, key, value, leaseID, t.ns.watched))
}

// MakeKey writes the first version of a key, also where there is a key.
func (t *tx) MakeKey(key, value []byte, leaseID int64) {
	t.emitKV(t.kv.Make(int64(t.NextRevision()), t.number, key, value, leaseID, t.ns.watched))
}

// DeleteKeys deletes keys under the command's revision, which it takes only if
// there are any.
func (t *tx) DeleteKeys(key, rangeEnd []byte) []*logv1.KeyValue {
	next := t.revision
	if !t.taken {
		next++
	}
	events := t.kv.Delete(next, t.number, key, rangeEnd)
	if len(events) == 0 {
		return nil
	}
	t.NextRevision()
	previous := make([]*logv1.KeyValue, len(events))
	for i, event := range events {
		previous[i] = event.GetPrevious()
		if planted.Bug == planted.DeleteRangeLosesPrevious && i > 0 {
			// mutant_22 (etcd's event cache lost the versions before): a watch of many
			// deletes in one revision is told what only the first of them ended.
			event.Previous = nil
		}
		t.emitKV(event)
	}
	return previous
}

// HashKeys hashes what was written up to a revision.
func (t *tx) HashKeys(revision recipes.Revision) uint32 {
	hash, _ := t.kv.Hash(int64(revision), func() bool { return false })
	return hash
}

// CompactTo forgets history.
func (t *tx) CompactTo(rev recipes.Revision) int64 { return t.kv.Compact(int64(rev)) }

// emitKV emits the event of a key that changed, if anybody wants it.
func (t *tx) emitKV(event *logv1.KVEvent) {
	t.number++
	if t.ns.watched {
		t.Emit(&logv1.Event{Body: &logv1.Event_Kv{Kv: event}})
	}
}

// finish ends the command: its revision becomes the namespace's and its events
// are stamped. The events are immutable from here on; the slice is only lent.
func (t *tx) finish() []*logv1.Event {
	t.ns.revision = t.revision
	t.ns.restarted = t.ns.restarted || t.restarted
	t.stamp()
	return t.events
}

// stamp gives the events that have none the current revision.
func (t *tx) stamp() {
	for _, event := range slices.Backward(t.events) {
		if event.GetRevision() != 0 {
			return
		}
		event.NamespaceId, event.Revision = uint32(t.ns.id), t.revision
	}
}
