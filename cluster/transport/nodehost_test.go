package transport

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lni/dragonboat/v4"
)

func TestThreeNodeHosts(t *testing.T) {
	nodes := []*raftNode{newRaftNode(t, 1), newRaftNode(t, 2), newRaftNode(t, 3)}
	members := map[uint64]dragonboat.Target{}
	for _, n := range nodes {
		members[n.replica] = nodeHostID(n.self)
	}
	for _, n := range nodes {
		n.start(t, members, false)
	}
	introduceAll(nodes) // addresses may come after the members
	for i, n := range nodes {
		if got, want := n.set(t, 1<<i), uint64(2<<i-1); got != want {
			t.Fatalf("flags %b through node %d, want %b", got, i+1, want)
		}
	}

	// One moves to another address, and the others are told.
	moved, old := nodes[2], nodes[2].addr
	moved.stop()
	if got := nodes[0].set(t, 8); got != 15 {
		t.Fatalf("flags %b with one node down", got)
	}
	moved.start(t, nil, false)
	if moved.addr == old {
		t.Fatal("the node did not move")
	}
	introduceAll(nodes)
	if got := moved.set(t, 16); got != 31 {
		t.Fatalf("flags %b through the moved node", got)
	}
	eventually(t, func() bool { return moved.flags() == 31 })

	// A fourth joins after the log it needs was compacted: it gets a snapshot.
	joinBySnapshot(t, nodes)
}

func joinBySnapshot(t *testing.T, nodes []*raftNode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, n := range nodes {
		_, err := n.host.SyncRequestSnapshot(ctx, testShard, dragonboat.SnapshotOption{
			OverrideCompactionOverhead: true, CompactionOverhead: 0,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fourth := newRaftNode(t, 4)
	eventually(t, func() bool {
		return nodes[0].host.SyncRequestAddReplica(ctx, testShard, 4, nodeHostID(fourth.self), 0) == nil
	})
	fourth.start(t, nil, true)
	introduceAll(append(nodes, fourth))
	eventually(t, func() bool { return fourth.flags() == 31 })
	if fourth.chunks.Load() == 0 {
		t.Error("the new node caught up without a snapshot")
	}

	membership, err := fourth.host.SyncGetShardMembership(ctx, testShard)
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint64]string{}
	for _, n := range append(nodes, fourth) {
		want[n.replica] = nodeHostID(n.self)
	}
	if diff := cmp.Diff(want, membership.Nodes); diff != "" {
		t.Error(diff)
	}
}
