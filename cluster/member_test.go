package cluster_test

import (
	"os"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/cluster"
)

// A node whose disk is lost does not come back under its old name: it refuses
// to start and says what to do. Having done that, it joins as a new replica
// and has everything.
// Promise S2
func TestRegressionDragonboatInvalidCommitTo(t *testing.T) {
	r := newRig(t, 3)
	victim, rest := r.nodes[2], r.nodes[:2]
	rest[0].put("k", "v1")
	victim.stop()
	if err := os.RemoveAll(victim.config.Dir); err != nil {
		t.Fatal(err)
	}
	wantSentence(t, victim.try(), `conclave member replace c`, "--initial-cluster-state existing")

	node, err := rest[0].ReplaceMember(within(t), "c")
	if err != nil {
		t.Fatal(err)
	}
	if node.GetGeneration() != 2 || node.GetReplicaId() != 4 {
		t.Errorf("the new node: %v, want generation 2 and replica 4", node)
	}
	again, err := rest[1].ReplaceMember(within(t), "c")
	if err != nil || again.GetReplicaId() != 4 {
		t.Errorf("replaced again: %v, %v", again, err)
	}
	rest[1].put("k", "v2")

	victim.config.JoinExisting = true
	victim.start()
	victim.ready()
	victim.wantValue("k", "v2", cluster.ReadOptions{})
	victim.put("k", "v3")
	rest[0].wantValue("k", "v3", cluster.ReadOptions{})

	// The new node counts: with it and one other there is a majority.
	rest[0].kill()
	// It may have led: only a command with an id survives that for certain.
	if result, err := victim.Propose(within(t), shard, withID(putCommand("k", "v4"), "t", 1)); err != nil || result.GetRefusal() != nil {
		t.Fatalf("put without the killed node: %v, %v", err, result.GetRefusal())
	}
	rest[1].wantValue("k", "v4", cluster.ReadOptions{})

	victim.stop()
	victim.start()
	victim.ready()
	victim.wantValue("k", "v4", cluster.ReadOptions{})
}

// Every node is replaced, one after the other: those that were replaced before are
// members for one that joins later, also when they lead.
// Promise S2
func TestAllAreReplaced(t *testing.T) {
	r := newRig(t, 3)
	r.nodes[0].put("k", "v")
	for _, victim := range r.nodes {
		victim.stop()
		if err := os.RemoveAll(victim.config.Dir); err != nil {
			t.Fatal(err)
		}
		var other *node
		for _, n := range r.nodes {
			if n != victim {
				other = n
			}
		}
		if _, err := other.ReplaceMember(within(t), victim.config.Name); err != nil {
			t.Fatal(err)
		}
		victim.config.JoinExisting = true
		victim.start()
		victim.ready()
		victim.wantValue("k", "v", cluster.ReadOptions{})
		// Whoever joins next joins shards that this one leads.
		if err := victim.TransferLeader(within(t), 0, victim.config.Name); err != nil {
			t.Fatal(err)
		}
	}
}

// A process that still runs on data that was replaced is told so and stops.
// Promise S2
func TestRegressionDragonboatZombie(t *testing.T) {
	r := newRig(t, 3)
	if _, err := r.nodes[0].ReplaceMember(within(t), "c"); err != nil {
		t.Fatal(err)
	}
	victim := r.nodes[2]
	victim.stop()
	victim.start()
	select {
	case err := <-victim.fatal:
		wantSentence(t, err, "replaced")
	case <-within(t).Done():
		t.Fatal("the replaced node was not told")
	}
}

// A wiped node that reaches nobody at its start is refused as soon as it does.
// Promise S2
func TestLostDiskUnseen(t *testing.T) {
	w := newNetwork()
	r := newRig(t, 3, w.configure)
	r.nodes[0].put("k", "v")
	victim := r.nodes[2]
	victim.stop()
	if err := os.RemoveAll(victim.config.Dir); err != nil {
		t.Fatal(err)
	}
	w.isolate("c")
	victim.start()
	w.heal()
	select {
	case err := <-victim.fatal:
		wantSentence(t, err, "conclave member replace c")
	case <-within(t).Done():
		t.Fatal("the wiped node was not refused")
	}
}

// Losing a part of a data directory is losing it.
// Promise S2
func TestRegressionDragonboatLostPart(t *testing.T) {
	for _, part := range []string{"raft", "sm/2-1"} {
		for size, advice := range map[int]string{1: "restore the directory from a backup", 2: "conclave member replace a"} {
			n := newRig(t, size).nodes[0]
			n.stop()
			if err := os.RemoveAll(n.config.Dir + "/" + part); err != nil {
				t.Fatal(err)
			}
			wantSentence(t, n.try(), "is missing from", advice)
		}
	}
}

// A node with another token is told at once, whether the others are asked
// before Raft or meet it in Raft's handshake.
func TestOtherCluster(t *testing.T) {
	w := newNetwork()
	r := newRig(t, 3, w.configure)
	stranger := r.nodes[2]
	stranger.stop()
	stranger.config.Dir = t.TempDir()
	stranger.config.ClusterToken = "other"
	wantSentence(t, stranger.try(), "another cluster")

	w.isolate("c")
	stranger.start()
	w.heal()
	select {
	case err := <-stranger.fatal:
		wantSentence(t, err, "cluster")
	case <-within(t).Done():
		t.Fatal("the stranger was not refused")
	}
}

// A directory belongs to one node of one cluster.
func TestWrongDirectory(t *testing.T) {
	r := newRig(t, 3)
	a, b := r.nodes[0], r.nodes[1]
	a.stop()
	own := a.config

	a.config.ClusterToken = "other"
	wantSentence(t, a.try(), "another token")
	a.config = own
	a.config.InitialCluster = own.InitialCluster[:2]
	wantSentence(t, a.try(), `["a" "b" "c"]`)
	a.config = own
	a.config.Dir = b.config.Dir
	wantSentence(t, a.try(), "in use by another process")
	b.stop()
	wantSentence(t, a.try(), `belongs to node "b"`)
	a.config = own
	a.start()
}

func wantSentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q, want one with %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q is more than one line", err)
	}
}
