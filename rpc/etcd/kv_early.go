package etcd

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// cutEarly tells whether etcd applies a read's limit before it sorts. It does
// when a sort target comes without an order: the answer has the first keys of the
// range, one more than the limit, sorted by the target and cut to the limit. With
// an order, or with bounds of revisions, everything is sorted first.
func cutEarly(req *pb.RangeRequest) bool {
	return req.GetLimit() > 0 && req.GetSortOrder() == pb.RangeRequest_NONE &&
		req.GetSortTarget() != pb.RangeRequest_KEY && !boundsRevisions(req)
}

func boundsRevisions(req *pb.RangeRequest) bool {
	return req.GetMinModRevision() != 0 || req.GetMaxModRevision() != 0 ||
		req.GetMinCreateRevision() != 0 || req.GetMaxCreateRevision() != 0
}

// earlyQuery reads the first keys, in their own order.
func earlyQuery(out *logv1.Range) {
	out.SortTarget = logv1.SortTarget_SORT_TARGET_UNSPECIFIED
	out.KeysOnly = false // values may decide on the order
	if out.GetLimit() < math.MaxInt64 {
		out.Limit++
	}
}

// earlyResponse sorts the first keys and cuts them to the limit.
func earlyResponse(req *pb.RangeRequest, out *pb.RangeResponse) {
	slices.SortStableFunc(out.GetKvs(), func(a, b *mvccpb.KeyValue) int {
		switch req.GetSortTarget() {
		case pb.RangeRequest_VERSION:
			return cmp.Compare(a.GetVersion(), b.GetVersion())
		case pb.RangeRequest_CREATE:
			return cmp.Compare(a.GetCreateRevision(), b.GetCreateRevision())
		case pb.RangeRequest_MOD:
			return cmp.Compare(a.GetModRevision(), b.GetModRevision())
		default:
			return bytes.Compare(a.GetValue(), b.GetValue())
		}
	})
	out.More = int64(len(out.GetKvs())) > req.GetLimit()
	if out.GetMore() {
		out.Kvs = out.Kvs[:req.GetLimit()]
	}
	if req.GetKeysOnly() {
		for _, kv := range out.GetKvs() {
			kv.Value = nil
		}
	}
}
