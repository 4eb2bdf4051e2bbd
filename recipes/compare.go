package recipes

import (
	"bytes"
	"cmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// comparesHold tells whether all conditions of a transaction hold.
func comparesHold(r Reader, compares []*logv1.Compare) bool {
	for _, c := range compares {
		if !compareHolds(r, c) {
			return false
		}
	}
	return true
}

// compareHolds tells whether a condition holds, for every key in its range. A
// key that is not there compares as one whose numbers are all 0; its value
// compares as nothing at all, so not even NOT_EQUAL holds.
func compareHolds(r Reader, c *logv1.Compare) bool {
	kvs := compared(r, c)
	if len(kvs) == 0 {
		if c.GetTarget() == logv1.CompareTarget_COMPARE_TARGET_VALUE {
			return false
		}
		return compareKey(c, &logv1.KeyValue{})
	}
	for _, kv := range kvs {
		if !compareKey(c, kv) {
			return false
		}
	}
	return true
}

// compared returns the keys that a condition is about.
func compared(r Reader, c *logv1.Compare) []*logv1.KeyValue {
	if len(c.GetRangeEnd()) == 0 {
		if kv := r.Current(c.GetKey()); kv != nil {
			return []*logv1.KeyValue{kv}
		}
		return nil
	}
	result, refusal := r.Range(&logv1.Range{
		Key:      c.GetKey(),
		RangeEnd: c.GetRangeEnd(),
		KeysOnly: c.GetTarget() != logv1.CompareTarget_COMPARE_TARGET_VALUE,
	})
	if refusal != nil {
		panic("recipes: a read of the present was refused: " + refusal.GetDetail())
	}
	return result.GetKvs()
}

func compareKey(c *logv1.Compare, kv *logv1.KeyValue) bool {
	var order int
	switch c.GetTarget() {
	case logv1.CompareTarget_COMPARE_TARGET_VERSION:
		order = cmp.Compare(kv.GetVersion(), c.GetNumber())
	case logv1.CompareTarget_COMPARE_TARGET_CREATE_REVISION:
		order = cmp.Compare(kv.GetCreateRevision(), c.GetNumber())
	case logv1.CompareTarget_COMPARE_TARGET_MOD_REVISION:
		order = cmp.Compare(kv.GetModRevision(), c.GetNumber())
	case logv1.CompareTarget_COMPARE_TARGET_LEASE:
		order = cmp.Compare(kv.GetLeaseId(), c.GetNumber())
	case logv1.CompareTarget_COMPARE_TARGET_VALUE:
		order = bytes.Compare(kv.GetValue(), c.GetValue())
	}
	switch c.GetOperator() {
	case logv1.CompareOperator_COMPARE_OPERATOR_EQUAL:
		return order == 0
	case logv1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL:
		return order != 0
	case logv1.CompareOperator_COMPARE_OPERATOR_GREATER:
		return order > 0
	case logv1.CompareOperator_COMPARE_OPERATOR_LESS:
		return order < 0
	}
	return true
}
