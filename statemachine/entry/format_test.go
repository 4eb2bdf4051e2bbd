package entry_test

import (
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// Promise S4: a command, and a field of one, is logged when all nodes know it.
func TestFormatOf(t *testing.T) {
	plain := &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("k")}}}
	anew := &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("k"), Anew: true}}}
	nested := &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: &logv1.Txn{Failure: []*logv1.TxnOp{plain, anew}}}}
	txn := func(ops ...*logv1.TxnOp) *logv1.Command {
		return &logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: ops}}}
	}
	for _, test := range []struct {
		name    string
		command *logv1.Command
		want    uint32
	}{
		{"put", &logv1.Command{Body: &logv1.Command_Put{Put: plain.GetPut()}}, 1},
		{"put anew", &logv1.Command{Body: &logv1.Command_Put{Put: anew.GetPut()}}, 2},
		{"transaction", txn(plain, plain), 1},
		{"transaction with a put anew", txn(plain, anew), 2},
		{"nested transaction with one", txn(plain, nested), 2},
		{"import", &logv1.Command{Body: &logv1.Command_ImportKeys{ImportKeys: &logv1.ImportKeys{}}}, 2},
	} {
		if got := entry.FormatOf(test.command); got != test.want {
			t.Errorf("%s has format %d, want %d", test.name, got, test.want)
		}
	}
}
