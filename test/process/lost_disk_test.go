package process

import (
	"fmt"
	"os"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A node whose disk was lost refuses to start under its old name and says how to
// replace it. The procedure in docs/operations.md then makes it a member again,
// while the others serve.
//
// Promise S2.
func TestLostDiskIsReplaced(t *testing.T) {
	t.Parallel()
	three := startCluster(t, 3, setting{"snapshot-count", "100"})
	ctx := within(t, 2*patience)
	for i := range short(300, 1000) {
		if _, err := three.client.Put(ctx, fmt.Sprintf("k/%d", i), "before"); err != nil {
			t.Fatal(err)
		}
	}
	lost := three.nodes[1]
	lost.stop()
	if err := os.RemoveAll(lost.dir); err != nil {
		t.Fatal(err)
	}
	lost.cannotStart(t, "conclave member replace n2")

	// A part that is missing is a lost disk too.
	if err := os.RemoveAll(lost.dir); err != nil {
		t.Fatal(err)
	}
	lost.set("initial-cluster-state", "existing")
	lost.cannotStart(t, "conclave member replace n2")

	others := dial(t, three.nodes[0].clientURL, three.nodes[2].clientURL)
	if _, err := others.Put(ctx, "k/0", "meanwhile"); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", three.nodes[0].on(t, "member", "replace", "n2", "--timeout", "30s").ok(t))
	if err := os.RemoveAll(lost.dir); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	lost.start()
	lost.waitReady()
	t.Logf("the new node was ready after %v", time.Since(began).Round(time.Millisecond))
	three.checkHashes()
	kv, err := dial(t, lost.clientURL).Get(ctx, "k/0", conclave.Serializable(0))
	if err != nil || kv.String() != "meanwhile" {
		t.Errorf("the new node has %q: %v", kv, err)
	}

	// It is a full member: it survives a restart with the same command, and the
	// cluster the loss of another one.
	lost.stop()
	lost.start()
	lost.waitReady()
	three.nodes[2].kill()
	if _, err := three.client.Put(ctx, "k/1", "after"); err != nil {
		t.Errorf("a write with the new node and one of the old ones: %v", err)
	}
	three.start()
	three.checkHashes()
}

// A node that lost only a part of its disk does not go on with the rest.
//
// Promise S2.
func TestLostPartOfDisk(t *testing.T) {
	t.Parallel()
	one := startCluster(t, 1)
	n := one.nodes[0]
	n.on(t, "put", "kept", "as it was").ok(t)
	n.stop()
	for _, part := range []string{"raft", "sm", "sm/2-1", "sm/2-1/CURRENT", "sm/2-1/db-1", "identity"} {
		t.Run(part, func(t *testing.T) {
			copied := copyOf(t, n)
			if err := os.RemoveAll(copied.dir + "/" + part); err != nil {
				t.Fatal(err)
			}
			copied.cannotStart(t, "lost")
		})
	}
}

// copyOf is a node on a copy of another one's directory, which must not run.
func copyOf(t *testing.T, n *node) *node {
	t.Helper()
	copied := *n
	copied.t = t
	copied.dir = t.TempDir() + "/n1"
	if err := os.CopyFS(copied.dir, os.DirFS(n.dir)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(copied.kill)
	return &copied
}

// A node that comes back with an old copy of its data has forgotten what it
// acknowledged since: it does not take part, and goes on with what it had.
//
// Promise S2.
func TestOldCopyOfDataIsRefused(t *testing.T) {
	t.Parallel()
	three := startCluster(t, 3)
	ctx := within(t, 2*patience)
	node := three.nodes[1]
	node.stop()
	old := t.TempDir() + "/old"
	if err := os.CopyFS(old, os.DirFS(node.dir)); err != nil {
		t.Fatal(err)
	}
	node.start()
	node.waitReady()
	if _, err := three.client.Put(ctx, "k", "after the copy"); err != nil {
		t.Fatal(err)
	}
	node.stop()

	own := node.dir
	node.dir = old
	node.cannotStart(t, "old copy of its data")
	node.cannotStart(t, "conclave member replace n2")

	node.dir = own
	node.start()
	node.waitReady()
	three.checkHashes()
}
