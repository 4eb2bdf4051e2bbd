package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// ReadTxn is the query for a transaction that only compares and reads.
func ReadTxn(r Reader, q *logv1.Txn) (*logv1.TxnResult, *logv1.Refusal) {
	if refusal := checkNesting(q, 1); refusal != nil {
		return nil, refusal
	}
	plan, refusal := planTxn(r, q)
	if refusal != nil {
		return nil, refusal
	}
	left := maxAnswerBytes
	return plan.read(r, &left)
}

// read does the planned reads.
func (p *txnPlan) read(r Reader, left *int) (*logv1.TxnResult, *logv1.Refusal) {
	result := &logv1.TxnResult{Succeeded: p.succeeded}
	for i, op := range p.ops {
		var done *logv1.TxnOpResult
		switch body := op.GetOp().(type) {
		case *logv1.TxnOp_Range:
			found, refusal := r.Range(body.Range)
			if refusal != nil {
				return nil, refusal
			}
			done = &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Range{Range: found}}
			*left -= done.SizeVT()
		case *logv1.TxnOp_Txn:
			nested, refusal := p.nested[i].read(r, left)
			if refusal != nil {
				return nil, refusal
			}
			done = &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Txn{Txn: nested}}
		default:
			return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "an operation of the transaction is not a read")
		}
		if *left < 0 {
			return nil, answerTooLarge()
		}
		result.Results = append(result.Results, done)
	}
	return result, nil
}
