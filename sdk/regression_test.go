package conclave

import (
	"context"
	"sync"
	"testing"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// The tests named TestRegression… are those of docs/regressions.md.

// Txn commits a transaction.
func (f *fakeNode) Txn(_ context.Context, req *conclavev1.TxnRequest) (*conclavev1.TxnResponse, error) {
	return f.txn(req)
}

// jetcd 0.8.2 sent a transaction again whose first attempt may have happened, and the
// service could not tell that it was the same: updates were lost although the server
// was strictly serializable (Jepsen, 2024). Here every attempt of a transaction has the
// request id of the first, and another transaction has another.
func TestRegressionJetcdRetriedTransaction(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	node := &fakeNode{txn: func(req *conclavev1.TxnRequest) (*conclavev1.TxnResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, req.GetRequestId().String())
		if len(ids)%3 != 0 {
			return nil, refused(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN)
		}
		return &conclavev1.TxnResponse{Succeeded: true, Revision: 9}, nil
	}}
	c := dial(t, []string{node.serve(t)})
	txn := c.Txn().Then(OpPut("a", "b"))
	for range 2 {
		if res, err := txn.Commit(t.Context()); err != nil || res.Revision != 9 {
			t.Fatalf("%v, %v", res, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) != 6 {
		t.Fatalf("attempts: %q", ids)
	}
	for i, id := range ids {
		if id == "" || id != ids[i/3*3] {
			t.Errorf("request ids of the attempts: %q", ids)
		}
	}
	if ids[0] == ids[3] {
		t.Errorf("two transactions have one id: %q", ids[0])
	}
}
