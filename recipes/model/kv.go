package model

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// space is the keys of a namespace with all their versions.
type space struct {
	revision  recipes.Revision
	compacted recipes.Revision
	versions  map[string][]version // by key; each list oldest first
}

// version is what a key was from a revision on; kv is nil when it was deleted.
type version struct {
	from recipes.Revision
	kv   *logv1.KeyValue
}

// at returns what a key was at a revision.
func (s *space) at(key string, rev recipes.Revision) *logv1.KeyValue {
	var kv *logv1.KeyValue
	for _, v := range s.versions[key] {
		if v.from <= rev {
			kv = v.kv
		}
	}
	return kv
}

// within returns the keys that exist in a range at a revision, in order.
func (s *space) within(key, rangeEnd []byte, rev recipes.Revision) []*logv1.KeyValue {
	var found []*logv1.KeyValue
	for _, name := range slices.Sorted(maps.Keys(s.versions)) {
		if kv := s.at(name, rev); kv != nil && inRange([]byte(name), key, rangeEnd) {
			found = append(found, kv)
		}
	}
	return found
}

// inRange reports whether a key is in [from, end): one key when end is empty,
// no upper bound when it is one zero byte.
func inRange(key, from, end []byte) bool {
	switch {
	case len(end) == 0:
		return bytes.Equal(key, from)
	case bytes.Equal(end, []byte{0}):
		return bytes.Compare(key, from) >= 0
	default:
		return bytes.Compare(key, from) >= 0 && bytes.Compare(key, end) < 0
	}
}

// Current implements recipes.Reader.
func (tx *Tx) Current(key []byte) *logv1.KeyValue {
	return tx.space.at(string(key), tx.space.revision).CloneVT()
}

// Compacted implements recipes.Reader.
func (tx *Tx) Compacted() recipes.Revision { return tx.space.compacted }

// HashKeys implements recipes.Reader. The real store's hash is another one.
func (tx *Tx) HashKeys(revision recipes.Revision) uint32 {
	hash := fnv.New32a()
	for _, name := range slices.Sorted(maps.Keys(tx.space.versions)) {
		for _, v := range tx.space.versions[name] {
			if v.from <= revision {
				fmt.Fprintf(hash, "%q %d %v\n", name, v.from, v.kv)
			}
		}
	}
	return hash.Sum32()
}

// PutKey implements recipes.Tx.
func (tx *Tx) PutKey(key, value []byte, leaseID int64) { tx.write(key, value, leaseID, false) }

// MakeKey implements recipes.Tx.
func (tx *Tx) MakeKey(key, value []byte, leaseID int64) { tx.write(key, value, leaseID, true) }

func (tx *Tx) write(key, value []byte, leaseID int64, anew bool) {
	rev := tx.NextRevision()
	before := tx.Current(key)
	kv := &logv1.KeyValue{
		Key:            bytes.Clone(key),
		CreateRevision: int64(rev),
		ModRevision:    int64(rev),
		Version:        1,
		Value:          bytes.Clone(value),
		LeaseId:        leaseID,
	}
	if before != nil && !anew {
		kv.CreateRevision = before.CreateRevision
		kv.Version = before.Version + 1
	}
	tx.attach(before, kv)
	tx.change(key, version{from: rev, kv: kv})
	tx.emitKV(logv1.KVEvent_TYPE_PUT, kv, before)
}

// DeleteKeys implements recipes.Tx.
func (tx *Tx) DeleteKeys(key, rangeEnd []byte) []*logv1.KeyValue {
	gone := tx.space.within(key, rangeEnd, tx.space.revision)
	for _, before := range gone {
		rev := tx.NextRevision()
		tx.attach(before, nil)
		tx.change(before.Key, version{from: rev})
		tx.emitKV(logv1.KVEvent_TYPE_DELETE, &logv1.KeyValue{Key: before.Key, ModRevision: int64(rev)}, before)
	}
	return gone
}

// attach keeps the table of the keys that end with a lease.
func (tx *Tx) attach(before, after *logv1.KeyValue) {
	row := func(kv *logv1.KeyValue) []byte {
		return append(keys.I64(keys.Prefix(tx.ns, keys.LeaseKeys), kv.LeaseId), kv.Key...)
	}
	if before.GetLeaseId() != 0 {
		tx.Delete(row(before))
	}
	if after.GetLeaseId() != 0 {
		tx.Set(row(after), []byte{})
	}
}

// change appends a version. A key that one command changes twice has only the
// last of them.
func (tx *Tx) change(key []byte, v version) {
	name := string(key)
	before := tx.space.versions[name]
	after := slices.Clone(before)
	if last := len(after) - 1; last >= 0 && after[last].from == v.from {
		after = after[:last]
	}
	tx.space.versions[name] = append(after, v)
	tx.undo = append(tx.undo, func() { tx.space.versions[name] = before })
}

func (tx *Tx) emitKV(kind logv1.KVEvent_Type, kv, before *logv1.KeyValue) {
	tx.Emit(&logv1.Event{Body: &logv1.Event_Kv{Kv: &logv1.KVEvent{
		Type: kind, Kv: kv.CloneVT(), Previous: before.CloneVT(),
	}}})
}

// CompactTo implements recipes.Tx. What a key was at rev stays readable.
func (tx *Tx) CompactTo(rev recipes.Revision) int64 {
	var removed int64
	for _, name := range slices.Sorted(maps.Keys(tx.space.versions)) {
		before := tx.space.versions[name]
		after := slices.Clone(before)
		for len(after) > 1 && after[1].from <= rev {
			if after[0].kv != nil {
				removed++
			}
			after = after[1:]
		}
		if after[0].kv == nil && after[0].from <= rev {
			after = after[1:]
		}
		if len(after) == 0 {
			delete(tx.space.versions, name)
		} else {
			tx.space.versions[name] = after
		}
		tx.undo = append(tx.undo, func() { tx.space.versions[name] = before })
	}
	compacted := tx.space.compacted
	tx.space.compacted = rev
	tx.undo = append(tx.undo, func() { tx.space.compacted = compacted })
	return removed
}
