package etcd_test

import (
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// All members have the same hash of a revision, and say of which it is and what
// was compacted.
func TestHashKV(t *testing.T) {
	sites := newSites(t, 3)
	var last = sites[0].put("a", "1")
	for i := range 20 {
		last = sites[i%3].put(fmt.Sprintf("k%d", i%7), fmt.Sprint(i))
		if i%5 == 0 {
			last = sites[i%3].remove(fmt.Sprintf("k%d", i%7))
		}
	}
	middle := last.GetRevision() - 6
	want := make(map[int64]*pb.HashKVResponse)
	check := func(revision, compacted int64) {
		t.Helper()
		for _, s := range sites {
			for port, conn := range s.ports() {
				got, err := pb.NewMaintenanceClient(conn).HashKV(within(t), &pb.HashKVRequest{Revision: revision})
				if err != nil {
					t.Fatal(err)
				}
				checkHeader(t, port, got.GetHeader())
				if want[revision] == nil {
					want[revision] = got
				}
				of := revision
				if of == 0 {
					of = last.GetRevision()
				}
				if got.GetHash() != want[revision].GetHash() || got.GetHashRevision() != of || got.GetCompactRevision() != compacted {
					t.Errorf("%s at %d: %v, want %v", port, revision, got, want[revision])
				}
				if h := got.GetHeader(); h.GetMemberId() != s.Status().ReplicaID || h.GetRevision() != last.GetRevision() {
					t.Errorf("%s at %d: header %v", port, revision, h)
				}
			}
		}
	}
	await := func() {
		t.Helper()
		for _, s := range sites {
			s.await(last)
		}
	}
	await()
	check(0, -1)
	check(middle, -1)
	before := want[middle].GetHash()
	last = sites[1].put("k0", "later")
	await()
	check(middle, -1)

	compacted := sites[1].compact(middle)
	for _, s := range sites {
		s.await(compacted)
	}
	clear(want)
	check(middle, middle)
	check(0, middle)
	if want[middle].GetHash() == before {
		t.Error("the compaction is not in the hash, so etcdctl would not see a member without it")
	}

	upkeep := pb.NewMaintenanceClient(sites[2].connect)
	wantError(t, "compacted", rpctypes.ErrGRPCCompacted,
		second(upkeep.HashKV(within(t), &pb.HashKVRequest{Revision: middle - 1})))
	wantError(t, "the future", rpctypes.ErrGRPCFutureRev,
		second(upkeep.HashKV(within(t), &pb.HashKVRequest{Revision: last.GetRevision() + 1})))
	whole, err := upkeep.Hash(within(t), &pb.HashRequest{})
	if err != nil || whole.GetHash() != want[0].GetHash() {
		t.Errorf("%v %v, want hash %d", whole, err, want[0].GetHash())
	}
}
