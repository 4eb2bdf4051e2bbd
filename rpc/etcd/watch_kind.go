package etcd

import (
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// watchKind is what watches that are told the same have in common.
type watchKind struct {
	key, end                string
	prevKV, noPut, noDelete bool
}

func kindOf(req *pb.WatchCreateRequest) watchKind {
	kind := watchKind{
		key: string(req.GetKey()), end: string(req.GetRangeEnd()), prevKV: req.GetPrevKv(),
		noPut:    slices.Contains(req.GetFilters(), pb.WatchCreateRequest_NOPUT),
		noDelete: slices.Contains(req.GetFilters(), pb.WatchCreateRequest_NODELETE),
	}
	if kind.key == "" {
		kind.key = "\x00" // the first key
	}
	return kind
}

// empty says that no key is in the range.
func (k watchKind) empty() bool {
	return k.end != "" && k.end != "\x00" && k.key >= k.end
}
