package recipes

import (
	"bytes"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// footprint is what operations may write: keys that they put and ranges that
// they delete.
type footprint struct {
	puts    []string
	known   map[string]bool // what is in puts
	deletes []*logv1.DeleteRange
}

// checkDuplicates refuses a transaction that could change a key twice, because
// a key has one version per revision: two puts of a key, or a put and a delete
// of it. Deletes may overlap; the second finds nothing. The two branches of a
// transaction exclude each other, so what is in both is no duplicate.
func checkDuplicates(cmd *logv1.Txn) *logv1.Refusal {
	_, refusal := txnFootprint(cmd)
	return refusal
}

// txnFootprint is everything that either branch may write.
func txnFootprint(cmd *logv1.Txn) (footprint, *logv1.Refusal) {
	both, refusal := opsFootprint(cmd.GetSuccess())
	if refusal != nil {
		return footprint{}, refusal
	}
	failure, refusal := opsFootprint(cmd.GetFailure())
	if refusal != nil {
		return footprint{}, refusal
	}
	both.add(failure)
	return both, nil
}

// opsFootprint is everything that operations in a row may write.
func opsFootprint(ops []*logv1.TxnOp) (all footprint, refusal *logv1.Refusal) {
	for _, op := range ops {
		one, refusal := opFootprint(op)
		if refusal != nil {
			return footprint{}, refusal
		}
		if key, twice := all.meets(one); twice {
			return footprint{}, refuse(logv1.Reason_REASON_DUPLICATE_KEY,
				"the transaction changes key %q twice", key)
		}
		all.add(one)
	}
	return all, nil
}

func opFootprint(op *logv1.TxnOp) (one footprint, refusal *logv1.Refusal) {
	switch body := op.GetOp().(type) {
	case *logv1.TxnOp_Put:
		one.puts = []string{string(body.Put.GetKey())}
	case *logv1.TxnOp_DeleteRange:
		one.deletes = []*logv1.DeleteRange{body.DeleteRange}
	case *logv1.TxnOp_Txn:
		return txnFootprint(body.Txn)
	}
	return one, nil
}

// meets looks for a key that one footprint puts and both write.
func (f *footprint) meets(next footprint) (key string, found bool) {
	for _, key := range next.puts {
		if f.known[key] || f.deletesKey(key) {
			return key, true
		}
	}
	if len(next.deletes) == 0 {
		return "", false
	}
	for _, key := range f.puts {
		if next.deletesKey(key) {
			return key, true
		}
	}
	return "", false
}

func (f *footprint) deletesKey(key string) bool {
	for _, deleted := range f.deletes {
		if inRange([]byte(key), deleted.GetKey(), deleted.GetRangeEnd()) {
			return true
		}
	}
	return false
}

func (f *footprint) add(next footprint) {
	if f.known == nil {
		f.known = make(map[string]bool)
	}
	for _, key := range next.puts {
		if !f.known[key] {
			f.known[key] = true
			f.puts = append(f.puts, key)
		}
	}
	f.deletes = append(f.deletes, next.deletes...)
}

// inRange tells whether a key is the one key, or in [from, end).
func inRange(key, from, end []byte) bool {
	switch {
	case len(end) == 0:
		return bytes.Equal(key, from)
	case len(end) == 1 && end[0] == 0:
		return bytes.Compare(key, from) >= 0
	default:
		return bytes.Compare(key, from) >= 0 && bytes.Compare(key, end) < 0
	}
}
