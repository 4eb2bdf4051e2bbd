package model

import (
	"maps"
	"slices"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// Restart implements recipes.Tx: of each key only what it is now stays.
func (tx *Tx) Restart(rev recipes.Revision) {
	before, revision, compacted, taken := maps.Clone(tx.space.versions), tx.space.revision, tx.space.compacted, tx.taken
	for _, name := range slices.Sorted(maps.Keys(tx.space.versions)) {
		if kv := tx.space.at(name, revision); kv != nil {
			tx.space.versions[name] = []version{{from: recipes.Revision(kv.GetModRevision()), kv: kv}}
		} else {
			delete(tx.space.versions, name)
		}
	}
	tx.space.revision, tx.space.compacted, tx.taken = rev, rev, true
	tx.undo = append(tx.undo, func() {
		tx.space.versions, tx.space.revision, tx.space.compacted, tx.taken = before, revision, compacted, taken
	})
}

// SwapKeys implements recipes.Tx.
func (tx *Tx) SwapKeys(key, rangeEnd []byte, with []*logv1.KeyValue) (removed int64) {
	before := maps.Clone(tx.space.versions)
	tx.undo = append(tx.undo, func() { tx.space.versions = before })
	given := make(map[string]bool)
	for _, kv := range with {
		given[string(kv.GetKey())] = true
		tx.attach(tx.Current(kv.GetKey()), kv)
		tx.space.versions[string(kv.GetKey())] = []version{{from: recipes.Revision(kv.GetModRevision()), kv: kv.CloneVT()}}
	}
	for _, kv := range tx.space.within(key, rangeEnd, tx.space.revision) {
		if !given[string(kv.GetKey())] {
			tx.attach(kv, nil)
			delete(tx.space.versions, string(kv.GetKey()))
			removed++
		}
	}
	return removed
}

// AdvanceTo implements recipes.Tx.
func (tx *Tx) AdvanceTo(rev recipes.Revision) {
	before, taken := tx.space.revision, tx.taken
	tx.space.revision, tx.taken = rev, true
	tx.undo = append(tx.undo, func() { tx.space.revision, tx.taken = before, taken })
}

// PlaceKey implements recipes.Tx.
func (tx *Tx) PlaceKey(kv *logv1.KeyValue) {
	before := tx.Current(kv.GetKey())
	tx.attach(before, kv)
	tx.change(kv.GetKey(), version{from: tx.space.revision, kv: kv.CloneVT()})
	tx.emitKV(logv1.KVEvent_TYPE_PUT, kv, before)
}

// Export implements recipes.Reader.
func (tx *Tx) Export(q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal) {
	all, refusal := tx.Range(&logv1.Range{Key: q.GetKey(), RangeEnd: q.GetRangeEnd(), Revision: q.GetRevision()})
	if refusal != nil {
		return nil, refusal
	}
	result := &logv1.ExportKeysResult{Revision: q.GetRevision()}
	if result.Revision <= 0 {
		result.Revision = int64(tx.space.revision)
	}
	limit, room := 1000, 1<<20
	if q.GetLimit() > 0 {
		limit = int(q.GetLimit())
	}
	if q.GetLimitBytes() > 0 {
		room = int(q.GetLimitBytes())
	}
	for _, kv := range all.GetKvs() {
		if q.GetKeysOnly() {
			kv.Value = nil
		}
		room -= len(kv.GetKey()) + len(kv.GetValue())
		if len(result.Kvs) > 0 && (len(result.Kvs) == limit || room < 0) {
			result.More = true
			break
		}
		result.Kvs = append(result.Kvs, kv)
	}
	return result, nil
}
