package differential

import (
	"bytes"
	"cmp"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// keptInOrder is how many keys etcd sorts without moving equal ones.
const keptInOrder = 12

// ties tells whether two answers to a read differ because the keys that it sorts
// are equal in what it sorts them by. The second has to be what comes of sorting
// the first system's keys without moving equal ones.
func (r *run) ties(o operation, request *pb.RangeRequest, answers [2]answer) bool {
	first, ok := answers[0].message.(*pb.RangeResponse)
	second, both := answers[1].message.(*pb.RangeResponse)
	if !ok || !both || o.streamed || request.GetSortTarget() == pb.RangeRequest_KEY || proto.Equal(first, second) {
		return false
	}
	whole := proto.CloneOf(request)
	whole.SortTarget, whole.SortOrder, whole.KeysOnly = pb.RangeRequest_KEY, pb.RangeRequest_NONE, false
	bounded := request.GetMinModRevision() != 0 || request.GetMaxModRevision() != 0 ||
		request.GetMinCreateRevision() != 0 || request.GetMaxCreateRevision() != 0
	if request.GetSortOrder() == pb.RangeRequest_NONE && request.GetLimit() > 0 && !bounded {
		whole.Limit++ // what etcd sorts then
	} else {
		whole.Limit = 0
	}
	a := r.sides[0].normalize(r.sides[0].perform(operation{}, r.resolve(r.sides[0], whole)))
	all, ok := a.message.(*pb.RangeResponse)
	if !ok || len(all.GetKvs()) <= keptInOrder {
		return false
	}
	want := proto.CloneOf(first)
	want.Kvs = sorted(request, all.GetKvs())
	return proto.Equal(want, second)
}

// sorted is what a read answers if its range has these keys.
func sorted(request *pb.RangeRequest, kvs []*mvccpb.KeyValue) []*mvccpb.KeyValue {
	slices.SortStableFunc(kvs, func(a, b *mvccpb.KeyValue) int {
		if request.GetSortOrder() == pb.RangeRequest_DESCEND {
			a, b = b, a
		}
		switch request.GetSortTarget() {
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
	if limit := request.GetLimit(); limit > 0 && int64(len(kvs)) > limit {
		kvs = kvs[:limit]
	}
	if request.GetKeysOnly() {
		for _, kv := range kvs {
			kv.Value = nil
			if request.GetSortTarget() != pb.RangeRequest_VALUE {
				kv.Lease = 0
			}
		}
	}
	return kvs
}
