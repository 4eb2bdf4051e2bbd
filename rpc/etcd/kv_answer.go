package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// keyValue shares the bytes of what it translates; nil stays nil.
func keyValue(kv *logv1.KeyValue) *mvccpb.KeyValue {
	if kv == nil {
		return nil
	}
	return &mvccpb.KeyValue{
		Key:            kv.GetKey(),
		CreateRevision: kv.GetCreateRevision(),
		ModRevision:    kv.GetModRevision(),
		Version:        kv.GetVersion(),
		Value:          kv.GetValue(),
		Lease:          kv.GetLeaseId(),
	}
}

func keyValues(kvs []*logv1.KeyValue) []*mvccpb.KeyValue {
	if len(kvs) == 0 {
		return nil
	}
	out := make([]*mvccpb.KeyValue, len(kvs))
	for i, kv := range kvs {
		out[i] = keyValue(kv)
	}
	return out
}

// rangeResponse is a read's response without the header.
func rangeResponse(req *pb.RangeRequest, result *logv1.RangeResult) *pb.RangeResponse {
	out := &pb.RangeResponse{Kvs: keyValues(result.GetKvs()), More: result.GetMore(), Count: result.GetCount()}
	if cutEarly(req) {
		earlyResponse(req, out)
	}
	if req.GetKeysOnly() && req.GetSortTarget() != pb.RangeRequest_VALUE {
		// Since 3.7 etcd answers these from an index that knows no leases.
		for _, kv := range out.GetKvs() {
			kv.Lease = 0
		}
	}
	return out
}

func deleteResponse(result *logv1.DeleteRangeResult) *pb.DeleteRangeResponse {
	return &pb.DeleteRangeResponse{Deleted: result.GetDeleted(), PrevKvs: keyValues(result.GetPrevious())}
}

// txnResponse is a transaction's response without the header. revision is the
// namespace's after it.
func txnResponse(req *pb.TxnRequest, result *logv1.TxnResult, revision int64) *pb.TxnResponse {
	before := revision
	if changes(result) {
		before--
	}
	progress := txnProgress{now: before, after: revision}
	return progress.response(req, result)
}

// changes tells whether a transaction took a revision.
func changes(result *logv1.TxnResult) bool {
	for _, one := range result.GetResults() {
		if one.GetPut() != nil || one.GetDeleteRange().GetDeleted() > 0 || changes(one.GetTxn()) {
			return true
		}
	}
	return false
}

// txnProgress follows a transaction through its operations: each answers with
// the revision that it saw, which is the next one from the first change on.
type txnProgress struct{ now, after int64 }

func (p *txnProgress) header() *pb.ResponseHeader { return &pb.ResponseHeader{Revision: p.now} }

func (p *txnProgress) response(req *pb.TxnRequest, result *logv1.TxnResult) *pb.TxnResponse {
	ops := req.GetFailure()
	if result.GetSucceeded() {
		ops = req.GetSuccess()
	}
	out := &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: result.GetSucceeded()}
	for i, one := range result.GetResults() {
		out.Responses = append(out.Responses, p.op(ops[i], one))
	}
	return out
}

func (p *txnProgress) op(op *pb.RequestOp, result *logv1.TxnOpResult) *pb.ResponseOp {
	switch result := result.GetResult().(type) {
	case *logv1.TxnOpResult_Range:
		read := rangeResponse(op.GetRequestRange(), result.Range)
		read.Header = p.header()
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: read}}
	case *logv1.TxnOpResult_Put:
		p.now = p.after
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{
			Header: p.header(), PrevKv: keyValue(result.Put.GetPrevious()),
		}}}
	case *logv1.TxnOpResult_DeleteRange:
		if result.DeleteRange.GetDeleted() > 0 {
			p.now = p.after
		}
		deleted := deleteResponse(result.DeleteRange)
		deleted.Header = p.header()
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: deleted}}
	case *logv1.TxnOpResult_Txn:
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseTxn{ResponseTxn: p.response(op.GetRequestTxn(), result.Txn)}}
	}
	return &pb.ResponseOp{}
}
