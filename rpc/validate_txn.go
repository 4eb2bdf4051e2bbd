package rpc

import (
	"fmt"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Limits on a transaction, over all of its branches and nested transactions.
const (
	maxTxnOps      = 128
	maxTxnCompares = 128
	maxTxnDepth    = 4
	// maxTxnBytes bounds what one transaction writes; many large values belong
	// in many transactions.
	maxTxnBytes = 3 << 20
)

// txnSize adds up over the whole transaction.
type txnSize struct{ ops, compares, bytes int }

func (c *check) txn(req *conclavev1.TxnRequest) {
	c.guards(req.GetGuards())
	size := &txnSize{}
	c.branches(req, size, maxTxnDepth)
	if size.bytes > maxTxnBytes {
		c.tooLarge("transaction", "may write %d bytes, not %d; split it", maxTxnBytes, size.bytes)
	}
}

func (c *check) branches(req *conclavev1.TxnRequest, size *txnSize, depth int) {
	if depth == 0 {
		c.refuse(conclavev1.ErrorReason_ERROR_REASON_TOO_MANY_OPERATIONS, "txn", "is nested more than %d deep; flatten it", maxTxnDepth)
		return
	}
	size.ops += len(req.GetSuccess()) + len(req.GetFailure())
	size.compares += len(req.GetCompares())
	if size.ops > maxTxnOps {
		c.refuse(conclavev1.ErrorReason_ERROR_REASON_TOO_MANY_OPERATIONS, "transaction",
			"may have %d operations in both branches and nested transactions, not %d; split it", maxTxnOps, size.ops)
		return
	}
	if size.compares > maxTxnCompares {
		c.refuse(conclavev1.ErrorReason_ERROR_REASON_TOO_MANY_OPERATIONS, "transaction",
			"may have %d compares, not %d; split it", maxTxnCompares, size.compares)
		return
	}
	for i, compare := range req.GetCompares() {
		c.within(fmt.Sprintf("compares[%d].", i), func() { c.compare(compare) })
	}
	for i, op := range req.GetSuccess() {
		c.within(fmt.Sprintf("success[%d].", i), func() { c.txnOp(op, size, depth) })
	}
	for i, op := range req.GetFailure() {
		c.within(fmt.Sprintf("failure[%d].", i), func() { c.txnOp(op, size, depth) })
	}
}

func (c *check) compare(compare *conclavev1.Compare) {
	c.span(compare.GetSpan())
	target, operator := compare.GetTarget(), compare.GetOperator()
	known(c, "target", target, conclavev1.CompareTarget_name)
	known(c, "operator", operator, conclavev1.CompareOperator_name)
	if target == conclavev1.CompareTarget_COMPARE_TARGET_UNSPECIFIED {
		c.invalid("target", "is missing; say what to compare")
	}
	if operator == conclavev1.CompareOperator_COMPARE_OPERATOR_UNSPECIFIED {
		c.invalid("operator", "is missing; say how to compare")
	}
	c.value("value", compare.GetValue(), maxValueBytes)
	byValue := target == conclavev1.CompareTarget_COMPARE_TARGET_VALUE
	if byValue && compare.GetNumber() != 0 {
		c.invalid("number", "is for other targets; a compare of values takes value")
	}
	if !byValue && compare.GetValue() != nil {
		c.invalid("value", "is for the target VALUE alone; other targets take number")
	}
}

// inner is what requests have in common that may not be set in a transaction.
type inner interface {
	GetNamespace() string
	GetRequestId() *conclavev1.RequestId
}

func (c *check) inner(req inner, guards []*conclavev1.Guard) {
	if req.GetNamespace() != "" {
		c.invalid("namespace", "belongs to the transaction; leave it out here")
	}
	if req.GetRequestId() != nil {
		c.invalid("request_id", "belongs to the transaction; leave it out here")
	}
	if len(guards) > 0 {
		c.invalid("guards", "belong to the transaction; leave them out here")
	}
}

func (c *check) txnOp(op *conclavev1.TxnOp, size *txnSize, depth int) {
	switch op := op.GetOp().(type) {
	case *conclavev1.TxnOp_Put:
		c.within("put.", func() { c.inner(op.Put, op.Put.GetGuards()); c.put(op.Put) })
		size.bytes += len(valueBytes(op.Put.GetValue()))
	case *conclavev1.TxnOp_Range:
		c.within("range.", func() { c.innerRange(op.Range) })
	case *conclavev1.TxnOp_Delete:
		c.within("delete.", func() { c.inner(op.Delete, op.Delete.GetGuards()); c.span(op.Delete.GetSpan()) })
	case *conclavev1.TxnOp_Txn:
		c.within("txn.", func() { c.inner(op.Txn, op.Txn.GetGuards()); c.branches(op.Txn, size, depth-1) })
	case *conclavev1.TxnOp_Enqueue:
		c.within("enqueue.", func() { c.inner(op.Enqueue, nil); c.enqueue(op.Enqueue) })
		size.bytes += len(valueBytes(op.Enqueue.GetBody()))
	case *conclavev1.TxnOp_ClaimJobs:
		c.within("claim_jobs.", func() { c.innerClaim(op.ClaimJobs) })
	case *conclavev1.TxnOp_AckJob:
		c.within("ack_job.", func() { c.inner(op.AckJob, nil); c.ackJob(op.AckJob) })
		size.bytes += len(valueBytes(op.AckJob.GetResult()))
	case *conclavev1.TxnOp_NackJob:
		c.within("nack_job.", func() { c.inner(op.NackJob, nil); c.nackJob(op.NackJob) })
	default:
		c.invalid("op", "is missing; give put, range, delete, txn, enqueue, claim_jobs, ack_job or nack_job")
	}
}

func (c *check) innerRange(req *conclavev1.RangeRequest) {
	if req.GetNamespace() != "" {
		c.invalid("namespace", "belongs to the transaction; leave it out here")
	}
	if req.GetSerializable() || req.GetMinRevision() != 0 {
		c.invalid("serializable", "and min_revision have no meaning in a transaction; leave them out")
	}
	c.rangeRead(req)
}

func (c *check) innerClaim(req *conclavev1.ClaimJobsRequest) {
	c.inner(req, nil)
	if req.GetWaitForever() || req.GetWait().AsDuration() != 0 {
		c.invalid("wait", "is not possible in a transaction; leave it out")
	}
	c.claimJobs(req)
}
