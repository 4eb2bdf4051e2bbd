package mvcc

import (
	"bytes"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Writer is a Reader that can be changed, such as a store.Batch. It keeps the
// slices that Set gets.
type Writer interface {
	Reader
	Set(key, value []byte)
	Delete(key []byte)
	DeleteRange(from, to []byte)
}

// KV changes the keys of a namespace. It holds no state of its own: undoing
// the Writer's changes undoes everything.
type KV struct {
	Snapshot
	w Writer
}

// New returns the keys of a namespace in w.
func New(w Writer, ns keys.Namespace) KV { return KV{Snapshot: Read(w, ns), w: w} }

// Put writes a version of a key at a revision and returns the event, if it is
// wanted. number counts the events of the revision so far. The caller has
// checked that the key has not changed at this revision before, and that the
// lease exists. The event has copies of key and value.
func (kv KV) Put(revision int64, number uint32, key, value []byte, lease int64, wanted bool) *logv1.KVEvent {
	next := version{create: revision, mod: revision, number: 1, lease: lease, value: value}
	return kv.write(number, key, next, true, wanted)
}

// Make is Put of a key's first version, also where there is a key: that ends.
func (kv KV) Make(revision int64, number uint32, key, value []byte, lease int64, wanted bool) *logv1.KVEvent {
	next := version{create: revision, mod: revision, number: 1, lease: lease, value: value}
	return kv.write(number, key, next, false, wanted)
}

// write writes a version and ends the one before, if there is one. The new one is
// counted on from that, or has the numbers that it has.
func (kv KV) write(number uint32, key []byte, next version, counted, wanted bool) *logv1.KVEvent {
	at := latestKeyWith(kv.ns, key, len(next.value))
	var old version
	if record := kv.w.Get(at); record != nil {
		old = kv.end(next.mod, key, record)
		if counted {
			next.create, next.number = old.create, old.number+1
		}
	}
	kv.w.Set(at, encodeLatest(at, next))
	kv.note(next.mod, number, change{kind: logv1.KVEvent_TYPE_PUT, previous: old.mod, key: key})
	kv.attach(old.lease, next.lease, key)
	if !wanted {
		return nil
	}
	key, next.value = bytes.Clone(key), bytes.Clone(next.value)
	event := &logv1.KVEvent{Type: logv1.KVEvent_TYPE_PUT, Kv: next.keyValue(key)}
	if old.mod != 0 {
		event.Previous = old.keyValue(key)
	}
	return event
}

// Delete deletes one key, or the keys in [key, rangeEnd), at a revision and
// returns the events in key order; none if there was nothing to delete. number
// counts the events of the revision so far. The caller has checked that none
// of the keys has changed at this revision before.
func (kv KV) Delete(revision int64, number uint32, key, rangeEnd []byte) (events []*logv1.KVEvent) {
	for _, found := range kv.find(spanOf(key, rangeEnd)) {
		old := kv.end(revision, found.key, found.record)
		kv.w.Delete(latestKey(kv.ns, found.key))
		kv.note(revision, number, change{
			kind: logv1.KVEvent_TYPE_DELETE, previous: old.mod, key: found.key,
		})
		kv.detach(old.lease, found.key)
		events = append(events, &logv1.KVEvent{
			Type:     logv1.KVEvent_TYPE_DELETE,
			Kv:       &logv1.KeyValue{Key: found.key, ModRevision: revision},
			Previous: old.keyValue(found.key),
		})
		number++
	}
	return events
}

// Compact forgets the history before a revision and returns how many versions
// went. It costs as much as there were changes since the last compaction, in
// one go; a caller with millions of them compacts in steps.
func (kv KV) Compact(revision int64) (removed int64) {
	// At the last compacted revision the changes were kept, but the versions
	// that they ended were not.
	from := revisionKey(kv.ns, kv.Compacted()+1, 0)
	var gone [][]byte
	var eaten [][]byte
	kv.w.Walk(from, revisionKey(kv.ns, revision+1, 0), func(at, record []byte) bool {
		c := mustChange(record)
		if c.previous != 0 {
			gone = append(gone, historyKey(kv.ns, c.key, c.previous))
		}
		if planted.Bug == planted.CompactionEatsDelete && c.kind == logv1.KVEvent_TYPE_DELETE {
			// mutant_12 (etcd #18089, #19179): the deletes of the revision that is
			// compacted to go too, although a watch may begin there.
			eaten = append(eaten, bytes.Clone(at))
		}
		return true
	})
	for _, key := range append(gone, eaten...) {
		kv.w.Delete(key)
	}
	if revision > 0 {
		kv.w.DeleteRange(revisionKey(kv.ns, 0, 0), revisionKey(kv.ns, revision, 0))
	}
	kv.w.Set(compactedKey(kv.ns), encodeRevision(revision))
	return int64(len(gone))
}

// found is a live key and its record.
type found struct{ key, record []byte }

// find collects the live keys in a span.
func (kv KV) find(s span) (all []found) {
	if s.single {
		if record := kv.w.Get(latestKey(kv.ns, s.from)); record != nil {
			all = append(all, found{key: s.from, record: record})
		}
		return all
	}
	if s.empty() {
		return nil
	}
	from, to := s.latest(kv.ns)
	kv.w.Walk(from, to, func(key, record []byte) bool {
		all = append(all, found{key: bytes.Clone(key[keys.HeaderLen:]), record: bytes.Clone(record)})
		return true
	})
	return all
}

// end moves the current version of a key to the history and returns it.
func (kv KV) end(revision int64, key, record []byte) version {
	old := mustLatest(record)
	if old.mod >= revision {
		panic(fmt.Sprintf("mvcc: key %q changes at revision %d after %d", key, revision, old.mod))
	}
	at := historyKeyWith(kv.ns, key, old.mod, len(record))
	kv.w.Set(at, encodeEnded(at, revision, record))
	return old
}

// note lists a change under its revision.
func (kv KV) note(revision int64, number uint32, c change) {
	at := revisionKeyWith(kv.ns, revision, number, len(c.key))
	kv.w.Set(at, c.encode(at))
}

// attach moves a key from one lease to another; 0 is none.
func (kv KV) attach(before, after int64, key []byte) {
	if before == after {
		return
	}
	kv.detach(before, key)
	if after != 0 {
		kv.w.Set(leaseKey(kv.ns, after, key), []byte{})
	}
}

// detach takes a key off its lease, if it has one.
func (kv KV) detach(lease int64, key []byte) {
	if lease != 0 {
		kv.w.Delete(leaseKey(kv.ns, lease, key))
	}
}
