package etcdv2

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// compareNumber compares a number of a key. A key that is not there has nothing
// but zeros.
func compareNumber(target logv1.CompareTarget, key string, operator logv1.CompareOperator, number int64) *logv1.Compare {
	return &logv1.Compare{Key: []byte(key), Target: target, Operator: operator, Number: number}
}

// exists holds if a key is there.
func exists(key string) *logv1.Compare {
	return compareNumber(logv1.CompareTarget_COMPARE_TARGET_CREATE_REVISION, key, logv1.CompareOperator_COMPARE_OPERATOR_GREATER, 0)
}

// absent holds if a key is not there.
func absent(key string) *logv1.Compare {
	return compareNumber(logv1.CompareTarget_COMPARE_TARGET_CREATE_REVISION, key, logv1.CompareOperator_COMPARE_OPERATOR_EQUAL, 0)
}

// remains holds if a key is still there and was never deleted since.
func remains(kv *logv1.KeyValue) *logv1.Compare {
	return compareNumber(logv1.CompareTarget_COMPARE_TARGET_CREATE_REVISION, string(kv.GetKey()),
		logv1.CompareOperator_COMPARE_OPERATOR_EQUAL, kv.GetCreateRevision())
}

// leased holds if a key has a lease; 0 if it has none, or is not there.
func leased(key string, lease int64) *logv1.Compare {
	return compareNumber(logv1.CompareTarget_COMPARE_TARGET_LEASE, key, logv1.CompareOperator_COMPARE_OPERATOR_EQUAL, lease)
}

// modified holds if a key was written last at a revision.
func modified(key string, revision int64) *logv1.Compare {
	return compareNumber(logv1.CompareTarget_COMPARE_TARGET_MOD_REVISION, key, logv1.CompareOperator_COMPARE_OPERATOR_EQUAL, revision)
}

// valued holds if a key has a value.
func valued(key, value string) *logv1.Compare {
	return &logv1.Compare{Key: []byte(key), Target: logv1.CompareTarget_COMPARE_TARGET_VALUE,
		Operator: logv1.CompareOperator_COMPARE_OPERATOR_EQUAL, Value: []byte(value)}
}

// nothing holds if no key is in a range.
func nothing(from, end string) *logv1.Compare {
	c := absent(from)
	c.RangeEnd = []byte(end)
	return c
}

// unwritten holds if no key in a range was written after a revision.
func unwritten(from, end string, revision int64) *logv1.Compare {
	c := compareNumber(logv1.CompareTarget_COMPARE_TARGET_MOD_REVISION, from, logv1.CompareOperator_COMPARE_OPERATOR_LESS, revision+1)
	c.RangeEnd = []byte(end)
	return c
}

func putOp(put *logv1.Put) *logv1.TxnOp {
	return &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: put}}
}

// deleteOp deletes a key, or a range if end is not empty.
func deleteOp(key, end string, previous bool) *logv1.TxnOp {
	return &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: &logv1.DeleteRange{
		Key: []byte(key), RangeEnd: []byte(end), Previous: previous,
	}}}
}

func rangeOp(r *logv1.Range) *logv1.TxnOp {
	return &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: r}}
}
