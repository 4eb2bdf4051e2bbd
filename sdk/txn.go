package conclave

import (
	"context"

	"github.com/conclavehq/conclave/internal/planted"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Condition is what a transaction depends on: a comparison (made with Value,
// Version, CreateRevision, ModRevision or LeaseOf) or a Guard.
type Condition interface {
	applyIf(*conclavev1.TxnRequest)
}

// Txn is a transaction: conditions and two lists of operations, decided in one
// commit. Build it with If, Then and Else and send it with Commit. It is for one
// goroutine.
type Txn struct {
	client *Client
	req    *conclavev1.TxnRequest
	then   []Op
	orElse []Op
}

// Txn begins a transaction. Without conditions it does what Then says.
func (c *Client) Txn() *Txn {
	return &Txn{client: c, req: &conclavev1.TxnRequest{}}
}

// If adds conditions. When all comparisons hold, what Then says is done, else
// what Else says. A guard that is not current makes Commit fail with
// ErrGuardFailed, whatever the comparisons say.
func (t *Txn) If(conditions ...Condition) *Txn {
	for _, condition := range conditions {
		condition.applyIf(t.req)
	}
	return t
}

// Then adds operations for when all comparisons hold; at most 128.
func (t *Txn) Then(ops ...Op) *Txn {
	t.then = append(t.then, ops...)
	return t
}

// Else adds operations for when one does not.
func (t *Txn) Else(ops ...Op) *Txn {
	t.orElse = append(t.orElse, ops...)
	return t
}

// TxnResult is what a transaction did.
type TxnResult struct {
	Revision Revision
	// Succeeded says whether all comparisons held.
	Succeeded bool
	// Results are those of the operations that were done, in their order.
	Results []OpResult
}

// OpResult is what one operation did. Which fields are set depends on it.
type OpResult struct {
	// Range is set by OpGet.
	Range *RangeResult
	// Deleted is set by OpDelete.
	Deleted *Deleted
	// Previous is set by OpPut with WithPrevious when there was a version before.
	Previous *KV
	// Job and Duplicate are set by OpEnqueue: see Queue.Enqueue.
	Job       JobID
	Duplicate bool
	// Txn is set by OpTxn.
	Txn *TxnResult
}

// Commit sends the transaction. Either all of it takes effect or, when there is
// an error, nothing. A Txn may be committed more than once; each is another
// transaction.
func (t *Txn) Commit(ctx context.Context) (*TxnResult, error) {
	req := t.request()
	req.Namespace = t.client.where()
	var res *conclavev1.TxnResponse
	var err error
	if planted.Bug == planted.RetryWithoutID {
		// mutant_15 (jetcd 0.8.2): what may have happened is sent again, and nothing
		// tells the service that it is the same transaction.
		res, err = call(ctx, t.client, once, (*services).Txn, req)
	} else {
		res, err = mutate(ctx, t.client, (*services).Txn, req, &req.RequestId)
	}
	if err != nil {
		return nil, during(err, "commit a transaction")
	}
	result := txnFrom(res)
	for _, op := range t.done(result.Succeeded) {
		if op.committed != nil {
			op.committed()
		}
	}
	return result, nil
}

func (t *Txn) request() *conclavev1.TxnRequest {
	ops := func(op Op) *conclavev1.TxnOp { return op.op }
	return &conclavev1.TxnRequest{
		Guards:   t.req.GetGuards(),
		Compares: t.req.GetCompares(),
		Success:  each(t.then, ops),
		Failure:  each(t.orElse, ops),
	}
}

func (t *Txn) done(succeeded bool) []Op {
	if succeeded {
		return t.then
	}
	return t.orElse
}

func txnFrom(res *conclavev1.TxnResponse) *TxnResult {
	return &TxnResult{
		Revision:  Revision(res.GetRevision()),
		Succeeded: res.GetSucceeded(),
		Results:   each(res.GetResponses(), opResultFrom),
	}
}

func opResultFrom(res *conclavev1.TxnOpResponse) OpResult {
	var out OpResult
	switch r := res.GetResponse().(type) {
	case *conclavev1.TxnOpResponse_Put:
		if r.Put.GetPrevious() != nil {
			previous := kvFrom(r.Put.GetPrevious())
			out.Previous = &previous
		}
	case *conclavev1.TxnOpResponse_Range:
		out.Range = rangeFrom(r.Range)
	case *conclavev1.TxnOpResponse_Delete:
		out.Deleted = &Deleted{
			Revision: Revision(r.Delete.GetRevision()),
			Count:    r.Delete.GetDeleted(),
			Previous: each(r.Delete.GetPrevious(), kvFrom),
		}
	case *conclavev1.TxnOpResponse_Enqueue:
		out.Job, out.Duplicate = JobID(r.Enqueue.GetJobId()), r.Enqueue.GetDuplicate()
	case *conclavev1.TxnOpResponse_Txn:
		out.Txn = txnFrom(r.Txn)
	}
	return out
}
