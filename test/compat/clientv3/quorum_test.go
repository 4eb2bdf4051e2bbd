package clientv3

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/ordering"
)

// Three nodes are one: members, hashes, leadership and order of reads.
func TestThreeNodes(t *testing.T) {
	rig.Each(t, func(t *testing.T, kind rig.Program) {
		t.Parallel()
		three := rig.Start(t, kind, 3)
		c, ctx := connect(t, three.Endpoints()...), rig.Within(t, 2*rig.Patience)
		put, err := c.Put(ctx, "k", "v")
		if err != nil {
			t.Fatal(err)
		}
		members, err := c.MemberList(ctx)
		if err != nil || len(members.Members) != 3 {
			t.Fatalf("members: %v, %v", members, err)
		}
		var names []string
		for _, m := range members.Members {
			names = append(names, m.Name)
		}
		if slices.Sort(names); !slices.Equal(names, []string{"n1", "n2", "n3"}) {
			t.Errorf("members %q", names)
		}
		sameHashes(t, c, three, put.Header.Revision)
		leadershipMoves(t, three)
		readsInOrder(t, three)
		if err := c.Sync(ctx); err != nil || len(c.Endpoints()) < 3 {
			t.Errorf("sync: %q, %v", c.Endpoints(), err)
		}
		if _, err := c.Get(ctx, "k"); err != nil {
			t.Errorf("after sync: %v", err)
		}
		minority(t, three)
	})
}

func sameHashes(t *testing.T, c *clientv3.Client, three *rig.Cluster, revision int64) {
	t.Helper()
	ctx := rig.Within(t, rig.Patience)
	hashes := make(map[uint32]bool)
	for _, n := range three.Nodes {
		// A node may be a moment behind.
		rig.Eventually(t, func(context.Context) error {
			hash, err := c.HashKV(ctx, n.Endpoint, revision)
			if err == nil {
				hashes[hash.Hash] = true
			}
			return err
		})
	}
	if len(hashes) != 1 {
		t.Errorf("the nodes have %d hashes", len(hashes))
	}
}

// leadershipMoves hands it over to each of the others in turn.
func leadershipMoves(t *testing.T, three *rig.Cluster) {
	t.Helper()
	ctx := rig.Within(t, rig.Patience)
	for _, n := range three.Nodes {
		c := connect(t, n.Endpoint)
		status, err := c.Status(ctx, n.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if status.Leader == status.Header.MemberId {
			continue
		}
		_, err = c.MoveLeader(ctx, status.Header.MemberId)
		refused(t, "who does not lead hands over", err, rpctypes.ErrNotLeader)
		leads := connect(t, leader(t, c, three).Endpoint)
		if _, err := leads.MoveLeader(ctx, status.Header.MemberId); err != nil {
			t.Fatal(err)
		}
		if now := leader(t, c, three); now != n {
			t.Errorf("%s leads, want %s", now.Name, n.Name)
		}
	}
}

// readsInOrder reads from all nodes what one of them may not know yet.
func readsInOrder(t *testing.T, three *rig.Cluster) {
	t.Helper()
	ctx := rig.Within(t, rig.Patience)
	writer, reader := connect(t, three.Nodes[0].Endpoint), connect(t, three.Endpoints()...)
	kv := ordering.NewKV(reader.KV, func(clientv3.Op, clientv3.OpResponse, int64) error { return nil }) // asks again
	last := int64(0)
	for range 30 {
		put, err := writer.Put(ctx, "ordered", "x")
		if err != nil {
			t.Fatal(err)
		}
		got, err := kv.Get(ctx, "ordered", clientv3.WithSerializable())
		if err != nil || got.Header.Revision < last {
			t.Fatalf("a read after %d: %v, %v", last, got, err)
		}
		last = got.Header.Revision
		if got, err = kv.Get(ctx, "ordered"); err != nil || got.Header.Revision < put.Header.Revision {
			t.Fatalf("a linearizable read after %d: %v, %v", put.Header.Revision, got, err)
		}
	}
}

// minority is what one of three can do: tell what it knows, and nothing more.
func minority(t *testing.T, three *rig.Cluster) {
	t.Helper()
	left := three.Nodes[2]
	c, ctx := connect(t, left.Endpoint), rig.Within(t, 2*rig.Patience)
	watch := c.Watch(clientv3.WithRequireLeader(ctx), "k", clientv3.WithCreatedNotify())
	<-watch
	three.Nodes[0].Kill()
	three.Nodes[1].Kill()
	if r := <-watch; !errors.Is(r.Err(), rpctypes.ErrNoLeader) {
		t.Errorf("a watch that requires a leader: %v, want %v", r.Err(), rpctypes.ErrNoLeader)
	}
	if got, err := c.Get(ctx, "k", clientv3.WithSerializable()); err != nil || got.Count != 1 {
		t.Errorf("a serializable read: %v, %v", got, err)
	}
	_, err := c.Get(clientv3.WithRequireLeader(ctx), "k", clientv3.WithSerializable())
	refused(t, "a read that requires a leader", err, rpctypes.ErrNoLeader)
	status, err := c.Status(ctx, left.Endpoint)
	if err != nil || status.Leader != 0 || !slices.Contains(status.Errors, rpctypes.ErrNoLeader.Error()) {
		t.Errorf("status: %v, %v", status, err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := c.Put(short, "k", "w"); err == nil {
		t.Error("a minority accepts a put")
	}
	three.Nodes[0].Start()
	three.Nodes[0].WaitReady()
	if err := eventuallyPut(ctx, c, "k", "w"); err != nil {
		t.Error(err)
	}
}
