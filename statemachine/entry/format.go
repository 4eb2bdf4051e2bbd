package entry

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Format is the newest format of commands that this program knows. It goes up by
// one in each release that adds a command, or a field to one. Every node tells
// the others its own, and a leader logs nothing that the oldest of them does not
// know (promise S4).
const Format = 3

// FormatOf is the format that a replica must know to apply a command: the one that
// brought it. It is asked for each command, so it looks at few fields.
func FormatOf(command *logv1.Command) uint32 {
	switch body := command.GetBody().(type) {
	case *logv1.Command_ImportKeys:
		return 2
	case *logv1.Command_Put:
		return formatOfPut(body.Put)
	case *logv1.Command_Txn:
		return formatOfTxn(body.Txn)
	case *logv1.Command_RegisterNode:
		if body.RegisterNode.GetNode().GetStarts() != 0 {
			return 3
		}
		return 1
	default:
		return 1
	}
}

func formatOfPut(put *logv1.Put) uint32 {
	if put.GetAnew() {
		return 2
	}
	return 1
}

func formatOfTxn(txn *logv1.Txn) (format uint32) {
	format = 1
	for _, ops := range [][]*logv1.TxnOp{txn.GetSuccess(), txn.GetFailure()} {
		for _, op := range ops {
			format = max(format, formatOfPut(op.GetPut()), formatOfNested(op))
		}
	}
	return format
}

func formatOfNested(op *logv1.TxnOp) uint32 {
	if nested := op.GetTxn(); nested != nil {
		return formatOfTxn(nested)
	}
	return 1
}
