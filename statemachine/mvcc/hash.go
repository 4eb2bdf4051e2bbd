package mvcc

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/conclavehq/conclave/internal/keys"
)

// stopEvery is after how many records a hash looks whether it is to stop.
const stopEvery = 1024

// Hash hashes what was written up to a revision and is not forgotten: versions,
// and changes, deletes among them. What was written after the revision does not
// matter, so replicas that have compacted to the same revision have the same hash,
// however far each has come. It takes no memory to speak of. stopped is asked now
// and then; ok is false when it said so, or when a read failed.
//
// Members of different versions of this program compare their hashes, so what goes
// into one does not change.
//
// A version may be current on one replica and in the history of another, so the
// hashes of the records are added up, which no order changes.
func (s Snapshot) Hash(revision int64, stopped func() bool) (hash uint32, ok bool) {
	h := hasher{snapshot: s, revision: revision, stopped: stopped}
	h.current()
	h.ended()
	h.changes()
	if h.stop || s.r.Err() != nil {
		return 0, false
	}
	mixed := xxhash.Sum64(binary.BigEndian.AppendUint64(h.scratch[:0], h.sum))
	return uint32(mixed ^ mixed>>32), true
}

// hasher is a hash in the making.
type hasher struct {
	snapshot Snapshot
	revision int64
	stopped  func() bool
	seen     int
	stop     bool

	sum     uint64
	record  xxhash.Digest
	scratch []byte
}

// Kinds of records, as they go into the hash.
const (
	hashedVersion = 'v'
	hashedChange  = 'c'
)

// current adds the versions that are current.
func (h *hasher) current() {
	prefix := keys.Prefix(h.snapshot.ns, keys.Latest)
	h.walk(prefix, keys.After(prefix), func(key, record []byte) {
		if v := mustLatest(record); v.mod <= h.revision {
			h.add(hashedVersion, key[keys.HeaderLen:], v.value, v.create, v.mod, v.number, v.lease)
		}
	})
}

// ended adds the versions that were replaced or deleted, be it before the
// revision or after.
func (h *hasher) ended() {
	prefix := keys.Prefix(h.snapshot.ns, keys.History)
	h.walk(prefix, keys.After(prefix), func(place, record []byte) {
		_, v := mustEnded(record)
		if v.mod > h.revision {
			return
		}
		key, _, err := keys.Unescape(place[keys.HeaderLen:])
		check(err)
		h.add(hashedVersion, key, v.value, v.create, v.mod, v.number, v.lease)
	})
}

// changes adds what happened, in which order, at which revision.
func (h *hasher) changes() {
	from, to := revisionKey(h.snapshot.ns, 0, 0), revisionKey(h.snapshot.ns, h.revision+1, 0)
	h.walk(from, to, func(at, record []byte) {
		c := mustChange(record)
		h.add(hashedChange, c.key, at[keys.HeaderLen:], int64(c.kind), c.previous)
	})
}

func (h *hasher) walk(from, to []byte, visit func(key, record []byte)) {
	if h.stop {
		return
	}
	h.snapshot.r.Walk(from, to, func(key, record []byte) bool {
		if h.seen++; h.seen%stopEvery == 0 && h.stopped() {
			h.stop = true
			return false
		}
		visit(key, record)
		return true
	})
}

// add adds a record. Its key is preceded by its length, and the rest ends it.
func (h *hasher) add(kind byte, key, rest []byte, numbers ...int64) {
	b := append(h.scratch[:0], kind)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(key)))
	h.scratch = b
	h.record.Reset()
	_, _ = h.record.Write(b)
	_, _ = h.record.Write(key)
	_, _ = h.record.Write(rest)
	h.sum += h.record.Sum64()
}
