package etcd_test

import (
	"fmt"
	"sync"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// The tests named TestRegression… are those of docs/regressions.md.

// etcd #14685: a member that crashed while it was defragmented came back without what
// had been written meanwhile. Nothing is defragmented here, the storage does that by
// itself, and the call does nothing: called again and again while many write, it costs
// no write.
func TestRegressionEtcd14685DefragmentUnderLoad(t *testing.T) {
	s := newSite(t)
	const clients, writes = 4, 50
	var writing sync.WaitGroup
	for i := range clients {
		writing.Go(func() {
			for n := range writes {
				req := &pb.PutRequest{Key: fmt.Appendf(nil, "k%d/%d", i, n), Value: []byte("v")}
				if _, err := pb.NewKVClient(s.native).Put(within(t), req); err != nil {
					t.Errorf("put beside a defragmentation: %v", err)
					return
				}
				if n%5 != 0 {
					continue
				}
				if _, err := pb.NewMaintenanceClient(s.native).Defragment(within(t), &pb.DefragmentRequest{}); err != nil {
					t.Errorf("defragment: %v", err)
				}
			}
		})
	}
	writing.Wait()
	res, err := pb.NewKVClient(s.native).Range(within(t), &pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), CountOnly: true})
	if err != nil || res.GetCount() != clients*writes {
		t.Errorf("%d keys of %d: %v", res.GetCount(), clients*writes, err)
	}
}
