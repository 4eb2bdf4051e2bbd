package rpc

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func txnCommand(req *conclavev1.TxnRequest) *logv1.Txn {
	return &logv1.Txn{
		Guards:   logGuards(req.GetGuards()),
		Compares: each(req.GetCompares(), logCompare),
		Success:  each(req.GetSuccess(), logTxnOp),
		Failure:  each(req.GetFailure(), logTxnOp),
	}
}

func logCompare(c *conclavev1.Compare) *logv1.Compare {
	key, end := keyRange(c.GetSpan())
	return &logv1.Compare{
		Key:      key,
		RangeEnd: end,
		Target:   logv1.CompareTarget(c.GetTarget()),
		Operator: logv1.CompareOperator(c.GetOperator()),
		Number:   c.GetNumber(),
		Value:    valueBytes(c.GetValue()),
	}
}

func logTxnOp(op *conclavev1.TxnOp) *logv1.TxnOp {
	switch op := op.GetOp().(type) {
	case *conclavev1.TxnOp_Put:
		return &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: putCommand(op.Put)}}
	case *conclavev1.TxnOp_Range:
		return &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: rangeQuery(op.Range)}}
	case *conclavev1.TxnOp_Delete:
		return &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: deleteCommand(op.Delete)}}
	case *conclavev1.TxnOp_Txn:
		return &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: txnCommand(op.Txn)}}
	case *conclavev1.TxnOp_Enqueue:
		return &logv1.TxnOp{Op: &logv1.TxnOp_Enqueue{Enqueue: enqueueCommand(op.Enqueue)}}
	case *conclavev1.TxnOp_ClaimJobs:
		return &logv1.TxnOp{Op: &logv1.TxnOp_ClaimJobs{ClaimJobs: claimJobsCommand(op.ClaimJobs)}}
	case *conclavev1.TxnOp_AckJob:
		return &logv1.TxnOp{Op: &logv1.TxnOp_AckJob{AckJob: ackJobCommand(op.AckJob)}}
	case *conclavev1.TxnOp_NackJob:
		return &logv1.TxnOp{Op: &logv1.TxnOp_NackJob{NackJob: nackJobCommand(op.NackJob)}}
	}
	return &logv1.TxnOp{}
}

// txnResponse pairs results with the operations that were asked for, because
// only those know whether keys alone were wanted.
func txnResponse(revision int64, req *conclavev1.TxnRequest, r *logv1.TxnResult) *conclavev1.TxnResponse {
	out := &conclavev1.TxnResponse{Revision: revision, Succeeded: r.GetSucceeded()}
	ops := req.GetFailure()
	if r.GetSucceeded() {
		ops = req.GetSuccess()
	}
	for i, result := range r.GetResults() {
		var op *conclavev1.TxnOp
		if i < len(ops) {
			op = ops[i]
		}
		out.Responses = append(out.Responses, txnOpResponse(revision, op, result))
	}
	return out
}

func txnOpResponse(revision int64, op *conclavev1.TxnOp, r *logv1.TxnOpResult) *conclavev1.TxnOpResponse {
	switch result := r.GetResult().(type) {
	case *logv1.TxnOpResult_Put:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_Put{
			Put: putResponse(revision, result.Put)}}
	case *logv1.TxnOpResult_Range:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_Range{
			Range: rangeResponse(revision, result.Range, op.GetRange().GetKeysOnly())}}
	case *logv1.TxnOpResult_DeleteRange:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_Delete{
			Delete: deleteResponse(revision, result.DeleteRange)}}
	case *logv1.TxnOpResult_Txn:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_Txn{
			Txn: txnResponse(revision, op.GetTxn(), result.Txn)}}
	case *logv1.TxnOpResult_Enqueue:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_Enqueue{
			Enqueue: enqueueResponse(revision, result.Enqueue)}}
	case *logv1.TxnOpResult_ClaimJobs:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_ClaimJobs{
			ClaimJobs: claimJobsResponse(revision, result.ClaimJobs.GetJobs())}}
	case *logv1.TxnOpResult_AckJob:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_AckJob{
			AckJob: &conclavev1.AckJobResponse{Revision: revision}}}
	case *logv1.TxnOpResult_NackJob:
		return &conclavev1.TxnOpResponse{Response: &conclavev1.TxnOpResponse_NackJob{
			NackJob: nackJobResponse(revision, result.NackJob)}}
	}
	return &conclavev1.TxnOpResponse{}
}
