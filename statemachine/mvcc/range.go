package mvcc

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Range answers a range read. current is the namespace's current revision. A
// refusal is COMPACTED or FUTURE_REVISION.
func (s Snapshot) Range(q *logv1.Range, current int64) (*logv1.RangeResult, *logv1.Refusal) {
	if refusal := s.Readable(q.GetRevision(), current); refusal != nil {
		return nil, refusal
	}
	at := q.GetRevision()
	if at <= 0 {
		at = current
	}
	kvs, count := s.rangeAt(q, at, at == current)
	kvs, more := arrange(q, kvs)
	return &logv1.RangeResult{Kvs: kvs, Count: count, More: more, Revision: current}, nil
}

// Readable tells whether a read at a revision can be answered when current is
// the current one. 0 and below mean the current one.
func (s Snapshot) Readable(revision, current int64) *logv1.Refusal {
	if revision > current {
		return &logv1.Refusal{
			Reason:   logv1.Reason_REASON_FUTURE_REVISION,
			Detail:   fmt.Sprintf("revision %d is not written yet; the current one is %d", revision, current),
			Revision: current,
		}
	}
	if revision <= 0 {
		return nil
	}
	if compacted := s.Compacted(); revision < compacted {
		return &logv1.Refusal{
			Reason:   logv1.Reason_REASON_COMPACTED,
			Detail:   fmt.Sprintf("revision %d is compacted; the first readable one is %d", revision, compacted),
			Revision: compacted,
		}
	}
	return nil
}

// rangeAt selects keys as they were at a revision, in key order, and counts
// all keys in the range. With a limit it may select fewer than match, but
// always one more than the limit if there are as many.
func (s Snapshot) rangeAt(q *logv1.Range, at int64, present bool) ([]*logv1.KeyValue, int64) {
	sp := spanOf(q.GetKey(), q.GetRangeEnd())
	live, ended := newSelection(q), newSelection(q)
	switch {
	case sp.empty():
	case sp.single:
		if v, ok := s.versionAt(sp.from, at, present); ok && live.wants(v) {
			live.keep(bytes.Clone(sp.from), v)
		}
	default:
		s.selectLive(live, sp, at, present)
		if !present {
			s.selectEnded(ended, sp, at)
		}
	}
	return live.merge(ended), live.count + ended.count
}

// selectLive selects among the current versions those that are not younger
// than a revision. In the present that is all of them.
func (s Snapshot) selectLive(sel *selection, sp span, at int64, present bool) {
	from, to := sp.latest(s.ns)
	s.r.Walk(from, to, func(key, record []byte) bool {
		if sel.done() {
			return false
		}
		if present && sel.onlyCounts() {
			sel.count++
			return true
		}
		if v := mustLatest(record); v.mod <= at && sel.wants(v) {
			v.value = sel.value(v)
			sel.keep(bytes.Clone(key[keys.HeaderLen:]), v)
		}
		return true
	})
}

// selectEnded selects among the versions that have ended those that were valid
// at a revision.
func (s Snapshot) selectEnded(sel *selection, sp span, at int64) {
	from, to := sp.history(s.ns)
	s.r.Walk(from, to, func(place, record []byte) bool {
		if sel.done() {
			return false
		}
		end, v := mustEnded(record)
		if v.mod > at || end <= at || !sel.wants(v) {
			return true
		}
		key, _, err := keys.Unescape(place[keys.HeaderLen:])
		check(err)
		v.value = sel.value(v)
		sel.keep(key, v)
		return true
	})
}

// selection collects the answer of a range read from versions in key order.
type selection struct {
	q *logv1.Range
	// most is how many of the first (or last) keys suffice; 0: all are needed.
	most  int
	last  bool
	count int64
	kvs   []*logv1.KeyValue
}

func newSelection(q *logv1.Range) *selection {
	sel := &selection{q: q}
	// Sorted by anything but the key, the first can be anywhere.
	if target := q.GetSortTarget(); q.GetLimit() > 0 && q.GetLimit() < math.MaxInt32 &&
		(target == logv1.SortTarget_SORT_TARGET_KEY || target == logv1.SortTarget_SORT_TARGET_UNSPECIFIED) {
		sel.most = int(q.GetLimit()) + 1
		sel.last = q.GetSortOrder() == logv1.SortOrder_SORT_ORDER_DESCEND
	}
	return sel
}

// onlyCounts tells that no more keys will be kept.
func (sel *selection) onlyCounts() bool {
	return sel.q.GetCountOnly() || sel.most > 0 && !sel.last && len(sel.kvs) == sel.most
}

// done tells that no more keys need to be looked at.
func (sel *selection) done() bool {
	return sel.q.GetUncounted() && !sel.q.GetCountOnly() && sel.onlyCounts()
}

// wants counts a version that is in the range and tells whether to keep it.
func (sel *selection) wants(v version) bool {
	sel.count++
	q := sel.q
	return !sel.onlyCounts() &&
		within(v.mod, q.GetMinModRevision(), q.GetMaxModRevision()) &&
		within(v.create, q.GetMinCreateRevision(), q.GetMaxCreateRevision())
}

// within tells whether a number is between bounds, of which 0 is none.
func within(n, low, high int64) bool {
	return (low == 0 || n >= low) && (high == 0 || n <= high)
}

// value copies a version's value if the answer, or its order, needs it.
func (sel *selection) value(v version) []byte {
	if sel.q.GetKeysOnly() && sel.q.GetSortTarget() != logv1.SortTarget_SORT_TARGET_VALUE {
		return nil
	}
	return bytes.Clone(v.value)
}

// keep adds a key that is greater than those before.
func (sel *selection) keep(key []byte, v version) {
	sel.kvs = append(sel.kvs, v.keyValue(key))
	if sel.last && len(sel.kvs) >= 2*sel.most {
		sel.trim()
	}
}

// trim forgets what most says is not needed.
func (sel *selection) trim() {
	if sel.most == 0 || len(sel.kvs) <= sel.most {
		return
	}
	if sel.last {
		n := copy(sel.kvs, sel.kvs[len(sel.kvs)-sel.most:])
		clear(sel.kvs[n:])
	}
	sel.kvs = sel.kvs[:sel.most]
}

// merge returns what both selections hold, in key order. No key is in both.
func (sel *selection) merge(other *selection) []*logv1.KeyValue {
	if len(other.kvs) > 0 {
		sel.kvs = append(sel.kvs, other.kvs...)
		slices.SortFunc(sel.kvs, func(a, b *logv1.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
	}
	sel.trim()
	return sel.kvs
}

// arrange puts selected keys into the asked order, applies the limit and drops
// values that served only the order.
func arrange(q *logv1.Range, kvs []*logv1.KeyValue) (_ []*logv1.KeyValue, more bool) {
	descend := q.GetSortOrder() == logv1.SortOrder_SORT_ORDER_DESCEND
	if compare := comparison(q.GetSortTarget()); compare != nil {
		slices.SortStableFunc(kvs, func(a, b *logv1.KeyValue) int {
			if descend {
				a, b = b, a
			}
			return compare(a, b)
		})
	} else if descend {
		slices.Reverse(kvs)
	}
	if limit := q.GetLimit(); limit > 0 && int64(len(kvs)) > limit {
		kvs, more = kvs[:limit], true
	}
	if q.GetKeysOnly() {
		for _, kv := range kvs {
			kv.Value = nil
		}
	}
	return kvs, more
}

// comparison returns how a sort target compares; nil for the key, in whose
// order everything is already.
func comparison(target logv1.SortTarget) func(a, b *logv1.KeyValue) int {
	switch target {
	case logv1.SortTarget_SORT_TARGET_VERSION:
		return func(a, b *logv1.KeyValue) int { return cmp.Compare(a.Version, b.Version) }
	case logv1.SortTarget_SORT_TARGET_CREATE_REVISION:
		return func(a, b *logv1.KeyValue) int { return cmp.Compare(a.CreateRevision, b.CreateRevision) }
	case logv1.SortTarget_SORT_TARGET_MOD_REVISION:
		return func(a, b *logv1.KeyValue) int { return cmp.Compare(a.ModRevision, b.ModRevision) }
	case logv1.SortTarget_SORT_TARGET_VALUE:
		return func(a, b *logv1.KeyValue) int { return bytes.Compare(a.Value, b.Value) }
	default:
		return nil
	}
}
