package rpc

import (
	"context"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Promise D2: a serializable read is never older than what the caller has seen,
// and asks nobody when it need not.
func TestSerializableReads(t *testing.T) {
	f, c, _ := newFake()
	var asked []bool
	f.query = func(_ context.Context, read cluster.ReadOptions, _ *logv1.Query) (*logv1.Answer, error) {
		asked = append(asked, read.Serializable)
		if read.Serializable {
			return &logv1.Answer{Revision: 5}, nil
		}
		return &logv1.Answer{Revision: 8}, nil
	}
	for _, test := range []struct {
		serializable bool
		least        int64
		revision     int64 // 0: refused
		asked        int
	}{
		{true, 0, 5, 1},
		{true, 5, 5, 1},
		{true, 6, 8, 2},
		{true, 9, 0, 2},
		{false, 0, 8, 1},
		{false, 9, 0, 1},
	} {
		asked = nil
		res, err := kvHandler{c}.Get(t.Context(), &conclavev1.GetRequest{
			Key: "a", Serializable: test.serializable, MinRevision: test.least,
		})
		if res.GetRevision() != test.revision || len(asked) != test.asked {
			t.Errorf("%+v: revision %d after asking %v, %v", test, res.GetRevision(), asked, err)
		}
		if test.revision == 0 && (reasonOf(err) != "FUTURE_REVISION" || explain(err).info.GetRevision() != 8) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// Promise R3: a put or a delete with guards is a transaction with them.
func TestGuardedWritesAreTransactions(t *testing.T) {
	f, c, _ := newFake()
	var proposed *logv1.Command
	f.propose = func(_ context.Context, cmd *logv1.Command) (*logv1.Result, error) {
		proposed = cmd
		result := &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Put{Put: &logv1.PutResult{Previous: &logv1.KeyValue{Key: []byte("a")}}}}
		if cmd.GetTxn().GetSuccess()[0].GetDeleteRange() != nil {
			result = &logv1.TxnOpResult{Result: &logv1.TxnOpResult_DeleteRange{DeleteRange: &logv1.DeleteRangeResult{Deleted: 2}}}
		}
		return &logv1.Result{Revision: 4, Body: &logv1.Result_Txn{Txn: &logv1.TxnResult{Succeeded: true, Results: []*logv1.TxnOpResult{result}}}}, nil
	}
	guards := []*conclavev1.Guard{
		{Hold: &conclavev1.Guard_Mutex{Mutex: &conclavev1.MutexGuard{Name: "m", Token: 3}}},
		{Hold: &conclavev1.Guard_Election{Election: &conclavev1.ElectionGuard{Name: "e", Term: 4}}},
		{Hold: &conclavev1.Guard_Claim{Claim: &conclavev1.ClaimGuard{Queue: "q", JobId: 5, Receipt: 6}}},
	}
	id := &conclavev1.RequestId{Client: "c", Sequence: 1}
	put, err := kvHandler{c}.Put(t.Context(), &conclavev1.PutRequest{Key: "a", Guards: guards, RequestId: id})
	if err != nil || put.GetRevision() != 4 || put.GetPrevious().GetKey() != "a" {
		t.Errorf("put: %v, %v", put, err)
	}
	got := proposed.GetTxn().GetGuards()
	if len(got) != 3 || got[0].GetMutex().GetToken() != 3 || got[1].GetElection().GetTerm() != 4 || got[2].GetClaim().GetReceipt() != 6 {
		t.Errorf("guards: %v", got)
	}
	if proposed.GetRequestId().GetClient() != "c" || proposed.GetNamespaceId() != 1 {
		t.Errorf("command: %v", proposed)
	}
	del, err := kvHandler{c}.Delete(t.Context(), &conclavev1.DeleteRequest{Span: allKeys, Guards: guards})
	if err != nil || del.GetRevision() != 4 || del.GetDeleted() != 2 {
		t.Errorf("delete: %v, %v", del, err)
	}
}

// A range that asked for keys only has no values, nested or not.
func TestTxnAnswersMatchTheirOperations(t *testing.T) {
	kvs := []*logv1.KeyValue{{Key: []byte("a"), Value: []byte("v")}}
	read := func(keysOnly bool) *conclavev1.TxnOp {
		return &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Range{Range: &conclavev1.RangeRequest{KeysOnly: keysOnly}}}
	}
	result := func() *logv1.TxnOpResult {
		return &logv1.TxnOpResult{Result: &logv1.TxnOpResult_Range{Range: &logv1.RangeResult{Kvs: kvs}}}
	}
	nested := &conclavev1.TxnRequest{Failure: []*conclavev1.TxnOp{read(true)}}
	req := &conclavev1.TxnRequest{Success: []*conclavev1.TxnOp{read(false), read(true), {Op: &conclavev1.TxnOp_Txn{Txn: nested}}}}
	got := txnResponse(9, req, &logv1.TxnResult{Succeeded: true, Results: []*logv1.TxnOpResult{
		result(), result(),
		{Result: &logv1.TxnOpResult_Txn{Txn: &logv1.TxnResult{Results: []*logv1.TxnOpResult{result()}}}},
	}}).GetResponses()
	for i, values := range []bool{true, false} {
		if kv := got[i].GetRange().GetKvs()[0]; (kv.GetValue() != nil) != values {
			t.Errorf("operation %d: %v", i, kv)
		}
	}
	inner := got[2].GetTxn()
	if inner.GetSucceeded() || inner.GetRevision() != 9 || inner.GetResponses()[0].GetRange().GetKvs()[0].GetValue() != nil {
		t.Errorf("nested: %v", inner)
	}
}

// The server chooses another id when its first choice is taken, and leaves the
// caller's choice alone.
func TestGrantLeaseChoosesAnId(t *testing.T) {
	f, c, _ := newFake()
	var tried []int64
	taken := 2
	f.propose = func(_ context.Context, cmd *logv1.Command) (*logv1.Result, error) {
		grant := cmd.GetGrantLease()
		tried = append(tried, grant.GetLeaseId())
		if len(tried) <= taken {
			return &logv1.Result{Refusal: &logv1.Refusal{Reason: logv1.Reason_REASON_LEASE_EXISTS}}, nil
		}
		return &logv1.Result{Body: &logv1.Result_GrantLease{GrantLease: &logv1.GrantLeaseResult{LeaseId: grant.GetLeaseId(), TtlMs: grant.GetTtlMs()}}}, nil
	}
	res, err := leaseHandler{c}.GrantLease(t.Context(), &conclavev1.GrantLeaseRequest{Ttl: durationpb.New(1e9)})
	if err != nil || len(tried) != 3 || res.GetLeaseId() != tried[2] || tried[0] == tried[1] {
		t.Errorf("%v, %v after %v", res, err, tried)
	}
	for _, id := range tried {
		if id <= 0 || id > 1<<53-1 {
			t.Errorf("the id %d is not one that every client can hold", id)
		}
	}
	tried = nil
	_, err = leaseHandler{c}.GrantLease(t.Context(), &conclavev1.GrantLeaseRequest{LeaseId: 7, Ttl: durationpb.New(1e9)})
	if reasonOf(err) != "LEASE_EXISTS" || len(tried) != 1 || tried[0] != 7 {
		t.Errorf("the caller's id: %v after %v", err, tried)
	}
}
