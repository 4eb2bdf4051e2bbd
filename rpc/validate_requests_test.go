package rpc

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func puts(n int) []*conclavev1.TxnOp {
	ops := make([]*conclavev1.TxnOp, n)
	for i := range ops {
		ops[i] = &conclavev1.TxnOp{Op: &conclavev1.TxnOp_Put{Put: &conclavev1.PutRequest{Key: "k"}}}
	}
	return ops
}

func nested(depth int) *conclavev1.TxnRequest {
	txn := &conclavev1.TxnRequest{}
	for range depth - 1 {
		txn = &conclavev1.TxnRequest{Success: []*conclavev1.TxnOp{{Op: &conclavev1.TxnOp_Txn{Txn: txn}}}}
	}
	return txn
}

func op(put *conclavev1.PutRequest) *conclavev1.TxnRequest {
	return &conclavev1.TxnRequest{Failure: []*conclavev1.TxnOp{{Op: &conclavev1.TxnOp_Put{Put: put}}}}
}

func TestTxnRules(t *testing.T) {
	txn := func(req *conclavev1.TxnRequest) func(*check) { return func(c *check) { c.txn(req) } }
	compare := func(cmp *conclavev1.Compare) func(*check) {
		return txn(&conclavev1.TxnRequest{Compares: []*conclavev1.Compare{cmp}})
	}
	span := &conclavev1.Span{Key: "a"}
	equal := conclavev1.CompareOperator_COMPARE_OPERATOR_EQUAL
	version := conclavev1.CompareTarget_COMPARE_TARGET_VERSION
	mebibyte := &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: make([]byte, 1<<20)}}
	large := puts(4)
	for _, op := range large {
		op.GetPut().Value = mebibyte
	}
	testRules(t, []rule{
		{"empty", txn(&conclavev1.TxnRequest{}), ""},
		{"128 operations", txn(&conclavev1.TxnRequest{Success: puts(64), Failure: puts(64)}), ""},
		{"129 operations", txn(&conclavev1.TxnRequest{Success: puts(65), Failure: puts(64)}),
			"transaction may have 128 operations in both branches and nested transactions, not 129; split it"},
		{"129 operations, nested", txn(&conclavev1.TxnRequest{Success: append(puts(100), &conclavev1.TxnOp{
			Op: &conclavev1.TxnOp_Txn{Txn: &conclavev1.TxnRequest{Success: puts(28)}},
		})}), "success[100].txn.transaction may have 128 operations in both branches and nested transactions, not 129; split it"},
		{"129 compares", txn(&conclavev1.TxnRequest{Compares: make([]*conclavev1.Compare, 129)}), "transaction may have 128 compares, not 129; split it"},
		{"4 deep", txn(nested(4)), ""},
		{"5 deep", txn(nested(5)), "success[0].txn.success[0].txn.success[0].txn.success[0].txn.txn is nested more than 4 deep; flatten it"},
		{"too much", txn(&conclavev1.TxnRequest{Success: large}), "transaction may write 3145728 bytes, not 4194304; split it"},
		{"inner namespace", txn(op(&conclavev1.PutRequest{Key: "a", Namespace: "x"})), "failure[0].put.namespace belongs to the transaction; leave it out here"},
		{"inner request id", txn(op(&conclavev1.PutRequest{Key: "a", RequestId: &conclavev1.RequestId{}})), "failure[0].put.request_id belongs to the transaction; leave it out here"},
		{"inner guards", txn(op(&conclavev1.PutRequest{Key: "a", Guards: make([]*conclavev1.Guard, 1)})), "failure[0].put.guards belong to the transaction; leave them out here"},
		{"inner key", txn(op(&conclavev1.PutRequest{})), "failure[0].put.key is missing; give 1 to 4096 bytes"},
		{"no operation", txn(&conclavev1.TxnRequest{Success: []*conclavev1.TxnOp{{}}}), "success[0].op is missing; give put, range, delete, txn, enqueue, claim_jobs, ack_job or nack_job"},
		{"serializable inside", txn(&conclavev1.TxnRequest{Success: []*conclavev1.TxnOp{{Op: &conclavev1.TxnOp_Range{
			Range: &conclavev1.RangeRequest{Span: span, Serializable: true},
		}}}}), "success[0].range.serializable and min_revision have no meaning in a transaction; leave them out"},
		{"waiting inside", txn(&conclavev1.TxnRequest{Success: []*conclavev1.TxnOp{{Op: &conclavev1.TxnOp_ClaimJobs{
			ClaimJobs: &conclavev1.ClaimJobsRequest{Queue: "q", LeaseId: 1, WaitForever: true},
		}}}}), "success[0].claim_jobs.wait is not possible in a transaction; leave it out"},
		{"compare", compare(&conclavev1.Compare{Span: span, Target: version, Operator: equal}), ""},
		{"compare of nothing", compare(&conclavev1.Compare{Span: span, Operator: equal}), "compares[0].target is missing; say what to compare"},
		{"compare without operator", compare(&conclavev1.Compare{Span: span, Target: version}), "compares[0].operator is missing; say how to compare"},
		{"value for a number", compare(&conclavev1.Compare{Span: span, Target: version, Operator: equal, Value: mebibyte}),
			"compares[0].value is for the target VALUE alone; other targets take number"},
		{"number for a value", compare(&conclavev1.Compare{Span: span, Target: conclavev1.CompareTarget_COMPARE_TARGET_VALUE, Operator: equal, Number: 1}),
			"compares[0].number is for other targets; a compare of values takes value"},
		{"unknown operator", compare(&conclavev1.Compare{Span: span, Target: version, Operator: 99}), "compares[0].operator has no value 99"},
	})
}

func TestRecipeRules(t *testing.T) {
	day := durationpb.New(24 * time.Hour)
	testRules(t, []rule{
		{"lock delay", func(c *check) {
			c.acquireMutex(&conclavev1.AcquireMutexRequest{Name: "m", LeaseId: 1, LockDelay: durationpb.New(61 * time.Second)})
		}, "lock_delay must be 0s to 1m0s, not 1m1s"},
		{"acquire without session", func(c *check) {
			c.acquireMutex(&conclavev1.AcquireMutexRequest{Name: "m"})
		}, "lease_id must be that of a lease, above 0, not 0"},
		{"campaign", func(c *check) {
			c.campaign(&conclavev1.CampaignRequest{Name: "e", LeaseId: 1, Priority: -1001})
		}, "priority must be -1000 to 1000, not -1001"},
		{"claim", func(c *check) {
			c.claimJobs(&conclavev1.ClaimJobsRequest{Queue: "q", LeaseId: 1, Max: 1000, ClaimFor: day})
		}, ""},
		{"claim of many", func(c *check) {
			c.claimJobs(&conclavev1.ClaimJobsRequest{Queue: "q", LeaseId: 1, Max: 1001})
		}, "max must be 0 (for 1) to 1000, not 1001"},
		{"enqueue", func(c *check) { c.enqueue(&conclavev1.EnqueueRequest{Queue: "q", Delay: day}) }, ""},
		{"negative delay", func(c *check) {
			c.enqueue(&conclavev1.EnqueueRequest{Queue: "q", Delay: durationpb.New(-time.Second)})
		}, "delay must be 0s to 8784h0m0s, not -1s"},
		{"negative attempts", func(c *check) {
			c.enqueue(&conclavev1.EnqueueRequest{Queue: "q", MaxAttempts: -1})
		}, "max_attempts must be 0 to 1048576, not -1"},
		{"many headers", func(c *check) {
			c.enqueue(&conclavev1.EnqueueRequest{Queue: "q", Headers: labels(65, 0)})
		}, "headers may have 64 entries, not 65"},
		{"ack without receipt", func(c *check) {
			c.ackJob(&conclavev1.AckJobRequest{Queue: "q", JobId: 1})
		}, "receipt must be the number that the grant gave, above 0, not 0"},
		{"nack without job", func(c *check) {
			c.nackJob(&conclavev1.NackJobRequest{Queue: "q", Receipt: 1})
		}, "job_id is missing; give the id of a job"},
		{"no instance", func(c *check) { c.registerInstance(nil) }, "instance is missing"},
		{"instance without session", func(c *check) {
			c.registerInstance(&conclavev1.Instance{Service: "s", Id: "1"})
		}, "instance.lease_id must be that of a lease, above 0, not 0"},
		{"weight", func(c *check) {
			weight := uint32(1<<20 + 1)
			c.updateInstance(&conclavev1.UpdateInstanceRequest{Service: "s", Id: "1", Weight: &weight})
		}, "weight must be 0 to 1048576, not 1048577"},
		{"listing", func(c *check) {
			c.listing(&conclavev1.ListMutexesRequest{Namespace: "A"})
		}, `namespace must be 1 to 64 of a-z, 0-9, '-', '_' and '.', the first a letter or digit; it is "A"`},
	})
}
