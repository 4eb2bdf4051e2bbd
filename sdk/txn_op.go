package conclave

import (
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Op is one operation of a transaction. Besides the functions here, Job has
// OpAck and OpNack.
type Op struct {
	op *conclavev1.TxnOp
	// committed is called when it was done.
	committed func()
}

// OpPut writes a key.
func OpPut(key, value string, opts ...PutOption) Op {
	return Op{op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Put{Put: putRequest(key, value, opts)}}}
}

// OpDelete deletes a key, or many with WithPrefix, WithEnd or WithFromKey.
func OpDelete(key string, opts ...DeleteOption) Op {
	return Op{op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Delete{Delete: deleteRequest(key, opts)}}}
}

// OpGet reads a key, or many with WithPrefix, WithEnd or WithFromKey. It sees
// what operations before it in the same transaction wrote.
func OpGet(key string, opts ...RangeOption) Op {
	return Op{op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Range{Range: rangeRequest(key, opts)}}}
}

// OpEnqueue adds a job to a queue.
func OpEnqueue(queue string, body []byte, opts ...EnqueueOption) Op {
	return Op{op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Enqueue{Enqueue: enqueueRequest(queue, body, opts)}}}
}

// OpTxn nests a transaction: its comparisons choose between its lists. Guards
// belong to the outermost transaction.
func OpTxn(t *Txn) Op {
	nested := t.request()
	return Op{op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Txn{Txn: nested}}}
}

// PreviousOption asks for what was there before: for OpPut, Delete, OpDelete and
// Watch.
type PreviousOption interface {
	PutOption
	DeleteOption
	WatchOption
}

// WithPrevious answers with the versions before. Put alone cannot show it; use
// a transaction with OpPut.
func WithPrevious() PreviousOption { return previousOption{} }

type previousOption struct{}

func (previousOption) applyPut(req *conclavev1.PutRequest)       { req.Previous = true }
func (previousOption) applyDelete(req *conclavev1.DeleteRequest) { req.Previous = true }
func (previousOption) applyWatch(w *watch)                       { w.req.Previous = true }
