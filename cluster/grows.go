package cluster

import logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"

// grows says whether a command may make the state larger for longer than it
// takes to compact it. What frees something, ends something, keeps a session alive
// or keeps the cluster together does not, and neither does the claim of a job: jobs
// have to be claimed to be finished. A command that cannot be read is not judged
// here.
func grows(encoded []byte) bool {
	var command logv1.Command
	if command.UnmarshalVT(encoded) != nil {
		return false
	}
	switch body := command.GetBody().(type) {
	case *logv1.Command_Txn:
		return txnGrows(body.Txn)
	case *logv1.Command_CreateNamespace:
		return body.CreateNamespace.GetName() != DefaultNamespace
	case *logv1.Command_Put, *logv1.Command_ImportKeys,
		*logv1.Command_GrantLease,
		*logv1.Command_AcquireMutex,
		*logv1.Command_Campaign, *logv1.Command_Proclaim,
		*logv1.Command_Enqueue,
		*logv1.Command_RegisterInstance, *logv1.Command_UpdateInstance:
		return true
	default:
		return false
	}
}

// txnGrows says whether one of its branches writes a key: which one is taken is
// known when it is applied.
func txnGrows(txn *logv1.Txn) bool {
	for _, ops := range [][]*logv1.TxnOp{txn.GetSuccess(), txn.GetFailure()} {
		for _, op := range ops {
			if op.GetPut() != nil || op.GetTxn() != nil && txnGrows(op.GetTxn()) {
				return true
			}
		}
	}
	return false
}
