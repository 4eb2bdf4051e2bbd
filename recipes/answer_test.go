package recipes_test

import (
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

func do(state *model.State, cmd *logv1.Command) *logv1.Result {
	cmd.NamespaceId = 1
	result, _ := state.Apply(cmd, 0, 0)
	return result
}

func deleteAll(previous bool) *logv1.DeleteRange {
	return &logv1.DeleteRange{Key: []byte{0}, RangeEnd: []byte{0}, Previous: previous}
}

// An answer that is too large to be kept and carried refuses its command: it
// would be in the state of every replica, and in every message about it.
func TestAnswersAreBounded(t *testing.T) {
	state := model.New()
	for key := range byte(17) {
		do(state, &logv1.Command{Body: &logv1.Command_Put{
			Put: &logv1.Put{Key: []byte{'a' + key}, Value: make([]byte, 1<<20)},
		}})
	}
	readAll := func() *logv1.TxnOp {
		return &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: &logv1.Range{Key: []byte{0}, RangeEnd: []byte("h")}}}
	}
	txn := func(ops ...*logv1.TxnOp) *logv1.Command {
		return &logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: ops}}}
	}
	put := &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("new")}}}
	nested := func() *logv1.TxnOp {
		return &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: txn(readAll()).GetTxn()}}
	}
	if result := do(state, txn(readAll(), readAll())); result.GetRefusal() != nil || len(result.GetTxn().GetResults()) != 2 {
		t.Errorf("14 MiB are refused: %v", result.GetRefusal())
	}
	for name, cmd := range map[string]*logv1.Command{
		"reads":             txn(put, readAll(), readAll(), readAll()),
		"nested reads":      txn(put, readAll(), nested(), nested()),
		"previous versions": {Body: &logv1.Command_DeleteRange{DeleteRange: deleteAll(true)}},
	} {
		before := do(state, txn()).GetRevision()
		result := do(state, cmd)
		if result.GetRefusal().GetReason() != logv1.Reason_REASON_TOO_MANY || result.GetRevision() != before {
			t.Errorf("%s: %v at revision %d, want TOO_MANY at %d", name, result.GetRefusal(), result.GetRevision(), before)
		}
	}
	if result := do(state, &logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: deleteAll(false)}}); result.GetDeleteRange().GetDeleted() != 17 {
		t.Errorf("a delete that does not ask for what there was: %v", result)
	}
}
