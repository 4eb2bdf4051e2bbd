package recipes_test

import (
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

// nest returns a transaction that is so many deep and puts a key innermost.
func nest(depth int) *logv1.Txn {
	op := &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("k")}}}
	for range depth - 1 {
		inner := &logv1.Txn{Success: []*logv1.TxnOp{op}}
		op = &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: inner}}
	}
	return &logv1.Txn{Success: []*logv1.TxnOp{op}}
}

// A transaction cannot exhaust the stack of a replica.
func TestTxnDepthIsLimited(t *testing.T) {
	state := model.New()
	for depth, want := range map[int]logv1.Reason{
		128:   logv1.Reason_REASON_UNSPECIFIED,
		129:   logv1.Reason_REASON_TOO_MANY_OPERATIONS,
		10000: logv1.Reason_REASON_TOO_MANY_OPERATIONS,
	} {
		cmd := &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Txn{Txn: nest(depth)}}
		result, _ := state.Apply(cmd, 0, 0)
		if got := result.GetRefusal().GetReason(); got != want {
			t.Errorf("depth %d: %v, want %v", depth, got, want)
		}
	}
}

// A refused operation takes everything back that came before it: keys, events
// and the revision.
func TestRefusedTxnLeavesNothing(t *testing.T) {
	state := model.New()
	cmd := &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Txn{Txn: &logv1.Txn{
		Success: []*logv1.TxnOp{
			{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("k")}}},
			{Op: &logv1.TxnOp_Enqueue{Enqueue: &logv1.Enqueue{Queue: "q"}}},
			{Op: &logv1.TxnOp_AckJob{AckJob: &logv1.AckJob{Queue: "q", JobId: 1, Receipt: 9}}},
		},
	}}}
	result, events := state.Apply(cmd, 0, 0)
	if result.GetRefusal().GetReason() != logv1.Reason_REASON_STALE_RECEIPT {
		t.Errorf("result = %v, want STALE_RECEIPT", result)
	}
	if len(events) != 0 || result.GetRevision() != 1 {
		t.Errorf("a refused transaction left events %v, revision %d", events, result.GetRevision())
	}
	answer := state.Ask(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte("k")}}})
	if answer.GetRange().GetCount() != 0 {
		t.Errorf("a refused transaction left %v", answer)
	}
}
