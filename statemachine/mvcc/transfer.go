package mvcc

import (
	"bytes"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Restart forgets all history, that of a revision too, and says that the keys are
// as they were at that revision in another store. What changed at the revision is
// not known here, so the first watch begins with the next one.
func (kv KV) Restart(revision int64) {
	for _, table := range []keys.Table{keys.History, keys.Revisions} {
		prefix := keys.Prefix(kv.ns, table)
		kv.w.DeleteRange(prefix, keys.After(prefix))
	}
	kv.w.Set(compactedKey(kv.ns), encodeRevision(revision))
	kv.w.Set(watchableKey(kv.ns), encodeRevision(revision+1))
}

// Swap makes the keys of a range those that are given, in key order, without
// history or events, and returns how many others were there. The caller has checked
// that their leases exist.
func (kv KV) Swap(key, rangeEnd []byte, with []*logv1.KeyValue) (removed int64) {
	gone := kv.others(spanOf(key, rangeEnd), with)
	for _, old := range gone {
		kv.w.Delete(latestKey(kv.ns, old.key))
		kv.detach(old.lease, old.key)
	}
	for _, key := range with {
		next := versionOf(key)
		at := latestKeyWith(kv.ns, key.GetKey(), len(next.value))
		var lease int64
		if record := kv.w.Get(at); record != nil {
			lease = mustLatest(record).lease
		}
		kv.w.Set(at, encodeLatest(at, next))
		kv.attach(lease, next.lease, key.GetKey())
	}
	return int64(len(gone))
}

// attached is a key with its lease.
type attached struct {
	key   []byte
	lease int64
}

// others are the keys in a span that are not among some, all in key order.
func (kv KV) others(sp span, some []*logv1.KeyValue) (others []attached) {
	from, to := sp.latest(kv.ns)
	kv.w.Walk(from, to, func(at, record []byte) bool {
		key := at[keys.HeaderLen:]
		for len(some) > 0 && bytes.Compare(some[0].GetKey(), key) < 0 {
			some = some[1:]
		}
		if len(some) == 0 || !bytes.Equal(some[0].GetKey(), key) {
			others = append(others, attached{key: bytes.Clone(key), lease: mustLatest(record).lease})
		}
		return true
	})
	return others
}

// Place writes a version of a key as it is, at its mod revision, and returns the
// event, if it is wanted. Otherwise it is Put.
func (kv KV) Place(number uint32, key *logv1.KeyValue, wanted bool) *logv1.KVEvent {
	return kv.write(number, key.GetKey(), versionOf(key), false, wanted)
}

// versionOf is the version that a message tells.
func versionOf(key *logv1.KeyValue) version {
	return version{
		create: key.GetCreateRevision(), mod: key.GetModRevision(), number: key.GetVersion(),
		lease: key.GetLeaseId(), value: key.GetValue(),
	}
}

// Watchable returns the first revision from which on all changes are known.
func (s Snapshot) Watchable() int64 {
	first := s.Compacted()
	if record := s.r.Get(watchableKey(s.ns)); record != nil {
		first = max(first, mustRevision(record))
	}
	return first
}
