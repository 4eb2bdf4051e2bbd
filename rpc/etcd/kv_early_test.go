package etcd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// TestTargetWithoutOrder: with a limit, a sort target alone sorts the first keys
// of the range only, as with etcd.
func TestTargetWithoutOrder(t *testing.T) {
	first := []*logv1.KeyValue{
		{Key: []byte("a"), Version: 3, Value: []byte("x")},
		{Key: []byte("b"), Version: 2, Value: []byte("y")},
		{Key: []byte("c"), Version: 2, Value: []byte("w")},
	}
	for _, tt := range []struct {
		name      string
		req       *pb.RangeRequest
		wantLimit int64
		want      []string
		wantMore  bool
	}{
		{
			name:      "sorts one more than the limit",
			req:       &pb.RangeRequest{Limit: 2, SortTarget: pb.RangeRequest_VERSION},
			wantLimit: 3, want: []string{"b=y", "c=w"}, wantMore: true,
		},
		{
			name:      "needs values for the order, not for the answer",
			req:       &pb.RangeRequest{Limit: 2, SortTarget: pb.RangeRequest_VALUE, KeysOnly: true},
			wantLimit: 3, want: []string{"c=", "a="}, wantMore: true,
		},
		{
			name:      "is not cut when all is there",
			req:       &pb.RangeRequest{Limit: 3, SortTarget: pb.RangeRequest_VALUE},
			wantLimit: 4, want: []string{"c=w", "a=x", "b=y"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query := rangeQuery(tt.req)
			if query.GetLimit() != tt.wantLimit || query.GetSortTarget() != 0 || query.GetKeysOnly() {
				t.Errorf("the query is {%v}; want the first %d keys with their values", query, tt.wantLimit)
			}
			out := rangeResponse(tt.req, &logv1.RangeResult{Kvs: first, Count: 3})
			var got []string
			for _, kv := range out.GetKvs() {
				got = append(got, string(kv.GetKey())+"="+string(kv.GetValue()))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if out.GetMore() != tt.wantMore || out.GetCount() != 3 {
				t.Errorf("more %t, count %d; want %t, 3", out.GetMore(), out.GetCount(), tt.wantMore)
			}
		})
	}
}

// TestLimitAfterOrder: with an order or bounds, all keys are sorted first.
func TestLimitAfterOrder(t *testing.T) {
	for _, req := range []*pb.RangeRequest{
		{Limit: 2, SortTarget: pb.RangeRequest_VERSION, SortOrder: pb.RangeRequest_ASCEND},
		{Limit: 2, SortTarget: pb.RangeRequest_VERSION, MinModRevision: 1},
		{Limit: 2},
		{SortTarget: pb.RangeRequest_VERSION},
	} {
		if cutEarly(req) {
			t.Errorf("{%v} is cut before it is sorted", req)
		}
	}
}
