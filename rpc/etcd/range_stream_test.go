package etcd

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestRangeStreamOrders: parts come in the order of the keys only.
func TestRangeStreamOrders(t *testing.T) {
	for _, tt := range []struct {
		target pb.RangeRequest_SortTarget
		order  pb.RangeRequest_SortOrder
		want   codes.Code
	}{
		{pb.RangeRequest_KEY, pb.RangeRequest_NONE, codes.OK},
		{pb.RangeRequest_KEY, pb.RangeRequest_ASCEND, codes.OK},
		{pb.RangeRequest_KEY, pb.RangeRequest_DESCEND, codes.Unimplemented},
		{pb.RangeRequest_MOD, pb.RangeRequest_ASCEND, codes.Unimplemented},
		{pb.RangeRequest_MOD, pb.RangeRequest_NONE, codes.Unimplemented}, // etcd repeats and loses keys
		{9, pb.RangeRequest_NONE, codes.InvalidArgument},
	} {
		err := checkRangeStream(&pb.RangeRequest{Key: []byte("a"), SortTarget: tt.target, SortOrder: tt.order})
		if status.Code(err) != tt.want {
			t.Errorf("by %s %s: %v, want %s", tt.target, tt.order, err, tt.want)
		}
	}
}
