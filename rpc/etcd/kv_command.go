package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The order of a range read. NONE is the order of the keys, or ascending by
// another target.
var sortOrders = map[pb.RangeRequest_SortOrder]logv1.SortOrder{
	pb.RangeRequest_NONE:    logv1.SortOrder_SORT_ORDER_UNSPECIFIED,
	pb.RangeRequest_ASCEND:  logv1.SortOrder_SORT_ORDER_ASCEND,
	pb.RangeRequest_DESCEND: logv1.SortOrder_SORT_ORDER_DESCEND,
}

var sortTargets = map[pb.RangeRequest_SortTarget]logv1.SortTarget{
	pb.RangeRequest_KEY:     logv1.SortTarget_SORT_TARGET_KEY,
	pb.RangeRequest_VERSION: logv1.SortTarget_SORT_TARGET_VERSION,
	pb.RangeRequest_CREATE:  logv1.SortTarget_SORT_TARGET_CREATE_REVISION,
	pb.RangeRequest_MOD:     logv1.SortTarget_SORT_TARGET_MOD_REVISION,
	pb.RangeRequest_VALUE:   logv1.SortTarget_SORT_TARGET_VALUE,
}

func rangeQuery(req *pb.RangeRequest) *logv1.Range {
	out := &logv1.Range{
		Key:               req.GetKey(),
		RangeEnd:          req.GetRangeEnd(),
		Limit:             req.GetLimit(),
		Revision:          req.GetRevision(),
		KeysOnly:          req.GetKeysOnly(),
		CountOnly:         req.GetCountOnly(),
		MinModRevision:    req.GetMinModRevision(),
		MaxModRevision:    req.GetMaxModRevision(),
		MinCreateRevision: req.GetMinCreateRevision(),
		MaxCreateRevision: req.GetMaxCreateRevision(),
	}
	if req.GetSortOrder() != pb.RangeRequest_NONE {
		out.SortOrder = sortOrders[req.GetSortOrder()]
	}
	if req.GetSortTarget() != pb.RangeRequest_KEY {
		out.SortTarget = sortTargets[req.GetSortTarget()]
	}
	if cutEarly(req) {
		earlyQuery(out)
	}
	return out
}

func putCommand(req *pb.PutRequest) *logv1.Put {
	return &logv1.Put{
		Key:         req.GetKey(),
		Value:       req.GetValue(),
		LeaseId:     req.GetLease(),
		Previous:    req.GetPrevKv(),
		IgnoreValue: req.GetIgnoreValue(),
		IgnoreLease: req.GetIgnoreLease(),
	}
}

func deleteCommand(req *pb.DeleteRangeRequest) *logv1.DeleteRange {
	return &logv1.DeleteRange{Key: req.GetKey(), RangeEnd: req.GetRangeEnd(), Previous: req.GetPrevKv()}
}

func txnCommand(req *pb.TxnRequest) *logv1.Txn {
	out := &logv1.Txn{
		Success: opCommands(req.GetSuccess()),
		Failure: opCommands(req.GetFailure()),
	}
	for _, c := range req.GetCompare() {
		out.Compares = append(out.Compares, compareCommand(c))
	}
	return out
}

func opCommands(ops []*pb.RequestOp) []*logv1.TxnOp {
	out := make([]*logv1.TxnOp, 0, len(ops))
	for _, op := range ops {
		switch op := op.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			out = append(out, &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: rangeQuery(op.RequestRange)}})
		case *pb.RequestOp_RequestPut:
			out = append(out, &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: putCommand(op.RequestPut)}})
		case *pb.RequestOp_RequestDeleteRange:
			out = append(out, &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: deleteCommand(op.RequestDeleteRange)}})
		case *pb.RequestOp_RequestTxn:
			out = append(out, &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: txnCommand(op.RequestTxn)}})
		}
	}
	return out
}

var compareOperators = map[pb.Compare_CompareResult]logv1.CompareOperator{
	pb.Compare_EQUAL:     logv1.CompareOperator_COMPARE_OPERATOR_EQUAL,
	pb.Compare_GREATER:   logv1.CompareOperator_COMPARE_OPERATOR_GREATER,
	pb.Compare_LESS:      logv1.CompareOperator_COMPARE_OPERATOR_LESS,
	pb.Compare_NOT_EQUAL: logv1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL,
}

// compareCommand takes the operand that belongs to the target; another one
// counts as none, as with etcd. What etcd does not know of targets and operators
// holds always, or compares with nothing.
func compareCommand(c *pb.Compare) *logv1.Compare {
	out := &logv1.Compare{Key: c.GetKey(), RangeEnd: c.GetRangeEnd(), Operator: compareOperators[c.GetResult()]}
	switch c.GetTarget() {
	case pb.Compare_VERSION:
		out.Target, out.Number = logv1.CompareTarget_COMPARE_TARGET_VERSION, c.GetVersion()
	case pb.Compare_CREATE:
		out.Target, out.Number = logv1.CompareTarget_COMPARE_TARGET_CREATE_REVISION, c.GetCreateRevision()
	case pb.Compare_MOD:
		out.Target, out.Number = logv1.CompareTarget_COMPARE_TARGET_MOD_REVISION, c.GetModRevision()
	case pb.Compare_VALUE:
		out.Target, out.Value = logv1.CompareTarget_COMPARE_TARGET_VALUE, c.GetValue()
	case pb.Compare_LEASE:
		out.Target, out.Number = logv1.CompareTarget_COMPARE_TARGET_LEASE, c.GetLease()
	}
	return out
}
