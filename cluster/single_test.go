package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// A node alone serves, and has everything after a restart.
// Promise D1, guarantee K1
func TestSingleNode(t *testing.T) {
	r := newRig(t, 1)
	n := r.nodes[0]
	var writers sync.WaitGroup
	for i := range 100 {
		writers.Go(func() { n.put(numbered("k", i), "v") })
	}
	writers.Wait()
	last := n.put("last", "1")
	n.wantValue("last", "1", cluster.ReadOptions{})
	n.wantValue("last", "1", cluster.ReadOptions{Serializable: true, MinIndex: last.GetIndex()})

	n.stop()
	n.start()
	n.ready()
	n.wantValue("last", "1", cluster.ReadOptions{})
	n.wantValue("k0099", "v", cluster.ReadOptions{})
	if got := n.put("last", "2").GetRevision(); got != last.GetRevision()+1 {
		t.Errorf("revision %d after the restart, want %d", got, last.GetRevision()+1)
	}
}

// A node alone does not ask Raft before a read. One that comes back from a crash
// has to apply its log first, and reads that come before that wait.
// Promise D2
func TestRegressionDragonboatReadRightAfterACrash(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	var writers sync.WaitGroup
	for i := range 64 {
		writers.Go(func() {
			for range 50 {
				n.put(numbered("k", i), "v")
			}
		})
	}
	writers.Wait()
	n.put("k", "last")
	n.crash()
	n.start()
	n.wantValue("k", "last", cluster.ReadOptions{})
}

// crash stops the node and leaves its files as they were before it began to stop:
// what a stop would still have written is lost.
func (n *node) crash() {
	n.rig.t.Helper()
	left := n.config.Dir + ".left"
	err := os.CopyFS(left, os.DirFS(n.config.Dir))
	n.kill()
	if err == nil {
		err = errors.Join(os.RemoveAll(n.config.Dir), os.Rename(left, n.config.Dir))
	}
	if err != nil {
		n.rig.t.Fatal(err)
	}
}

// A client that comes before a new cluster has its default namespace waits for
// it; it does not hear that there is none.
func TestDefaultNamespaceAtOnce(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	for range 5 {
		n.stop()
		if err := os.RemoveAll(n.config.Dir); err != nil {
			t.Fatal(err)
		}
		n.start()
		if ns, err := n.Namespace(within(t), ""); err != nil || ns.ID != 1 {
			t.Fatalf("default namespace at once: %+v, %v", ns, err)
		}
	}
}

// The default namespace exists from the start; others come and go.
func TestNamespaces(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	ctx := within(t)
	ns, err := n.Namespace(ctx, "")
	if err != nil || ns != (cluster.Namespace{Name: "default", ID: 1, Shard: 2}) {
		t.Fatalf("default namespace: %+v, %v", ns, err)
	}
	made, err := n.CreateNamespace(ctx, "billing")
	if err != nil {
		t.Fatal(err)
	}
	if made.GetShardId() != 4 {
		t.Errorf("the second namespace is on shard %d, want 4, the emptier one", made.GetShardId())
	}
	ns, err = n.Namespace(ctx, "billing")
	if err != nil || ns.ID != made.GetId() || ns.Shard != 4 {
		t.Fatalf("new namespace: %+v, %v", ns, err)
	}
	if err := n.DeleteNamespace(ctx, "billing"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, logv1.Reason_REASON_NAMESPACE_NOT_FOUND, second(n.Namespace(ctx, "billing")))
	again, err := n.CreateNamespace(ctx, "billing")
	if err != nil || again.GetId() == made.GetId() {
		t.Fatalf("made again: %v, %v; want a new id", again, err)
	}
	wantRefusal(t, logv1.Reason_REASON_NAMESPACE_NOT_FOUND, second(n.Namespace(ctx, fmt.Sprintf("billing@%d", made.GetId()))))
	ns, err = n.Namespace(ctx, fmt.Sprintf("billing@%d", again.GetId()))
	if err != nil || ns.ID != again.GetId() || ns.Name != "billing" {
		t.Errorf("by its address: %+v, %v", ns, err)
	}
}
