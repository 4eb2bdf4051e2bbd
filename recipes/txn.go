package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// maxTxnDepth is how deep transactions may be nested. How many operations one
// may have is the caller's policy.
const maxTxnDepth = 128

// maxAnswerBytes bounds what a transaction, or a delete, answers. The answer is
// computed and, for retries, kept by every replica, and goes in one message and
// one block of a snapshot.
const maxAnswerBytes = 16 << 20

// Txn does the one or the other list of operations, or, if anything in it is
// refused, nothing at all.
//
// It decides before it writes: guards and compares, those of nested
// transactions too, see the state before the transaction, and so do the checks
// of what will be done. Then the operations run in order and see each other.
func Txn(tx Tx, cmd *logv1.Txn) (*logv1.TxnResult, *logv1.Refusal) {
	if refusal := checkNesting(cmd, 1); refusal != nil {
		return nil, refusal
	}
	if refusal := checkDuplicates(cmd); refusal != nil {
		return nil, refusal
	}
	plan, refusal := planTxn(tx, cmd)
	if refusal != nil {
		return nil, refusal
	}
	// The queue rules check as they go.
	mark := tx.Mark()
	left := maxAnswerBytes
	result, refusal := plan.run(tx, &left)
	if refusal != nil {
		tx.Rollback(mark)
		return nil, refusal
	}
	return result, nil
}

// checkNesting refuses what would exhaust the stack.
func checkNesting(cmd *logv1.Txn, depth int) *logv1.Refusal {
	if depth > maxTxnDepth {
		return refuse(logv1.Reason_REASON_TOO_MANY_OPERATIONS,
			"transactions are nested more than %d deep", maxTxnDepth)
	}
	for _, ops := range [][]*logv1.TxnOp{cmd.GetSuccess(), cmd.GetFailure()} {
		for _, op := range ops {
			if nested := op.GetTxn(); nested != nil {
				if refusal := checkNesting(nested, depth+1); refusal != nil {
					return refusal
				}
			}
		}
	}
	return nil
}

// txnPlan is what a transaction will do: the branch that its compares chose.
type txnPlan struct {
	succeeded bool
	ops       []*logv1.TxnOp
	// nested has the plan of each operation that is a transaction.
	nested map[int]*txnPlan
}

// planTxn chooses the branches and checks what is in them.
func planTxn(r Reader, cmd *logv1.Txn) (*txnPlan, *logv1.Refusal) {
	if refusal := guardsHold(r, cmd.GetGuards()); refusal != nil {
		return nil, refusal
	}
	plan := &txnPlan{succeeded: comparesHold(r, cmd.GetCompares()), ops: cmd.GetFailure()}
	if plan.succeeded {
		plan.ops = cmd.GetSuccess()
	}
	for i, op := range plan.ops {
		nested, refusal := checkOp(r, op)
		if refusal != nil {
			return nil, refusal
		}
		if nested != nil {
			if plan.nested == nil {
				plan.nested = make(map[int]*txnPlan)
			}
			plan.nested[i] = nested
		}
	}
	return plan, nil
}

// checkOp tells why an operation cannot be done, as far as the state before
// the transaction shows it, and plans it if it is a transaction.
func checkOp(r Reader, op *logv1.TxnOp) (*txnPlan, *logv1.Refusal) {
	switch body := op.GetOp().(type) {
	case *logv1.TxnOp_Range:
		return nil, checkRevision(r, body.Range.GetRevision())
	case *logv1.TxnOp_Put:
		return nil, checkPut(r, body.Put)
	case *logv1.TxnOp_Txn:
		return planTxn(r, body.Txn)
	case *logv1.TxnOp_ClaimJobs:
		if body.ClaimJobs.GetWaitMs() != 0 {
			return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a claim in a transaction cannot wait")
		}
	case *logv1.TxnOp_DeleteRange, *logv1.TxnOp_Enqueue, *logv1.TxnOp_AckJob, *logv1.TxnOp_NackJob:
	default:
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "an operation of the transaction is empty")
	}
	return nil, nil
}

// run does the planned operations in order. left is how many bytes their
// results may still have.
func (p *txnPlan) run(tx Tx, left *int) (*logv1.TxnResult, *logv1.Refusal) {
	result := &logv1.TxnResult{Succeeded: p.succeeded}
	for i, op := range p.ops {
		done, refusal := p.runOp(tx, i, op, left)
		if refusal != nil {
			return nil, refusal
		}
		if done.GetTxn() == nil { // that has counted its own
			*left -= done.SizeVT()
		}
		if *left < 0 {
			return nil, answerTooLarge()
		}
		result.Results = append(result.Results, done)
	}
	return result, nil
}

func (p *txnPlan) runOp(tx Tx, i int, op *logv1.TxnOp, left *int) (*logv1.TxnOpResult, *logv1.Refusal) {
	switch body := op.GetOp().(type) {
	case *logv1.TxnOp_Range:
		done, refusal := tx.Range(body.Range)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Range{Range: done}}, refusal
	case *logv1.TxnOp_Put:
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Put{Put: put(tx, body.Put)}}, nil
	case *logv1.TxnOp_DeleteRange:
		done, refusal := DeleteRange(tx, body.DeleteRange)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_DeleteRange{DeleteRange: done}}, refusal
	case *logv1.TxnOp_Txn:
		done, refusal := p.nested[i].run(tx, left)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Txn{Txn: done}}, refusal
	case *logv1.TxnOp_Enqueue:
		done, refusal := Enqueue(tx, body.Enqueue)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Enqueue{Enqueue: done}}, refusal
	case *logv1.TxnOp_ClaimJobs:
		done, refusal := ClaimJobs(tx, body.ClaimJobs)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_ClaimJobs{ClaimJobs: done}}, refusal
	case *logv1.TxnOp_AckJob:
		done, refusal := AckJob(tx, body.AckJob)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_AckJob{AckJob: done}}, refusal
	case *logv1.TxnOp_NackJob:
		done, refusal := NackJob(tx, body.NackJob)
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_NackJob{NackJob: done}}, refusal
	}
	panic("recipes: an operation of a transaction was not checked")
}

func answerTooLarge() *logv1.Refusal {
	return refuse(logv1.Reason_REASON_TOO_MANY, "the answer would have more than %d bytes; ask for less", maxAnswerBytes)
}
