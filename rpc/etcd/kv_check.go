package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// maxTxnOps bounds a transaction's compares, and each of its lists of operations;
// a nested one has what is left.
const maxTxnOps = 128

func checkRange(req *pb.RangeRequest) error {
	if len(req.GetKey()) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	_, order := pb.RangeRequest_SortOrder_name[int32(req.GetSortOrder())]
	_, target := pb.RangeRequest_SortTarget_name[int32(req.GetSortTarget())]
	if !order || !target {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	return nil
}

func checkPut(req *pb.PutRequest) error {
	switch {
	case len(req.GetKey()) == 0:
		return rpctypes.ErrGRPCEmptyKey
	case req.GetIgnoreValue() && len(req.GetValue()) != 0:
		return rpctypes.ErrGRPCValueProvided
	case req.GetIgnoreLease() && req.GetLease() != 0:
		return rpctypes.ErrGRPCLeaseProvided
	}
	return nil
}

func checkDelete(req *pb.DeleteRangeRequest) error {
	if len(req.GetKey()) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	return nil
}

// checkTxn looks at everything but what changes a key twice, which a rule does.
func checkTxn(req *pb.TxnRequest, most int) error {
	ops := max(len(req.GetCompare()), len(req.GetSuccess()), len(req.GetFailure()))
	if ops > most {
		return rpctypes.ErrGRPCTooManyOps
	}
	for _, compare := range req.GetCompare() {
		if len(compare.GetKey()) == 0 {
			return rpctypes.ErrGRPCEmptyKey
		}
	}
	for _, list := range [][]*pb.RequestOp{req.GetSuccess(), req.GetFailure()} {
		for _, op := range list {
			if err := checkOp(op, most-ops); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOp(op *pb.RequestOp, most int) error {
	switch op := op.GetRequest().(type) {
	case *pb.RequestOp_RequestRange:
		return checkRange(op.RequestRange)
	case *pb.RequestOp_RequestPut:
		return checkPut(op.RequestPut)
	case *pb.RequestOp_RequestDeleteRange:
		return checkDelete(op.RequestDeleteRange)
	case *pb.RequestOp_RequestTxn:
		return checkTxn(op.RequestTxn, most)
	}
	return rpctypes.ErrGRPCKeyNotFound // what etcd says to an empty operation
}

// onlyReads tells whether a transaction changes nothing, and whether this node's
// own state may answer it. Compares alone are always linearizable here.
func onlyReads(req *pb.TxnRequest) (reads, local bool) {
	ops := 0
	local = true
	for _, list := range [][]*pb.RequestOp{req.GetSuccess(), req.GetFailure()} {
		for _, op := range list {
			read := op.GetRequestRange()
			if read == nil {
				return false, false
			}
			local = local && read.GetSerializable()
			ops++
		}
	}
	return true, local && ops > 0
}
