package model

import (
	"bytes"
	"cmp"
	"slices"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// Range implements recipes.Reader with etcd's meaning: the count is that of
// the whole range; filters come before the order, and the order before the
// limit.
func (tx *Tx) Range(q *logv1.Range) (*logv1.RangeResult, *logv1.Refusal) {
	current := tx.space.revision
	rev := recipes.Revision(q.GetRevision())
	switch {
	case rev <= 0:
		rev = current
	case rev > current:
		return nil, &logv1.Refusal{Reason: logv1.Reason_REASON_FUTURE_REVISION, Revision: int64(current)}
	case rev < tx.space.compacted:
		return nil, &logv1.Refusal{Reason: logv1.Reason_REASON_COMPACTED, Revision: int64(tx.space.compacted)}
	}
	all := tx.space.within(q.GetKey(), q.GetRangeEnd(), rev)
	result := &logv1.RangeResult{Count: int64(len(all)), Revision: int64(current)}
	if q.GetCountOnly() {
		return result, nil
	}

	var kvs []*logv1.KeyValue
	for _, kv := range all {
		if passes(q, kv) {
			kvs = append(kvs, kv.CloneVT())
		}
	}
	sortKVs(kvs, q.GetSortTarget(), q.GetSortOrder())
	if limit := q.GetLimit(); limit > 0 && int64(len(kvs)) > limit {
		kvs, result.More = kvs[:limit], true
	}
	if q.GetKeysOnly() {
		for _, kv := range kvs {
			kv.Value = nil
		}
	}
	result.Kvs = kvs
	return result, nil
}

func passes(q *logv1.Range, kv *logv1.KeyValue) bool {
	return (q.GetMinModRevision() == 0 || kv.GetModRevision() >= q.GetMinModRevision()) &&
		(q.GetMaxModRevision() == 0 || kv.GetModRevision() <= q.GetMaxModRevision()) &&
		(q.GetMinCreateRevision() == 0 || kv.GetCreateRevision() >= q.GetMinCreateRevision()) &&
		(q.GetMaxCreateRevision() == 0 || kv.GetCreateRevision() <= q.GetMaxCreateRevision())
}

// sortKVs orders what is in key order already; equal ones stay in it.
func sortKVs(kvs []*logv1.KeyValue, target logv1.SortTarget, order logv1.SortOrder) {
	compare := func(a, b *logv1.KeyValue) int {
		switch target {
		case logv1.SortTarget_SORT_TARGET_VERSION:
			return cmp.Compare(a.Version, b.Version)
		case logv1.SortTarget_SORT_TARGET_CREATE_REVISION:
			return cmp.Compare(a.CreateRevision, b.CreateRevision)
		case logv1.SortTarget_SORT_TARGET_MOD_REVISION:
			return cmp.Compare(a.ModRevision, b.ModRevision)
		case logv1.SortTarget_SORT_TARGET_VALUE:
			return bytes.Compare(a.Value, b.Value)
		default:
			return bytes.Compare(a.Key, b.Key)
		}
	}
	slices.SortStableFunc(kvs, func(a, b *logv1.KeyValue) int {
		if order == logv1.SortOrder_SORT_ORDER_DESCEND {
			return compare(b, a)
		}
		return compare(a, b)
	})
}
