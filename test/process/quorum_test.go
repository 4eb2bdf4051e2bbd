package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Without a majority writes and linearizable reads fail in bounded time with one
// clear sentence, and what this node has can still be read. With the majority
// everything is there again, and nothing that was refused.
//
// Promises D1, D2.
func TestNoMajority(t *testing.T) {
	for _, c := range []struct {
		name      string
		nodes, up int
	}{
		{"one of two", 2, 1},
		{"one of three", 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.nodes == 2 {
				t.Skip("two nodes are much like three")
			}
			t.Parallel()
			all := startCluster(t, c.nodes)
			if _, err := all.client.Put(within(t, patience), "kept", "as it was"); err != nil {
				t.Fatal(err)
			}
			all.checkHashes() // so all have it
			left := all.nodes[0]
			for _, n := range all.nodes[c.up:] {
				n.kill()
			}
			undecidedWithoutMajority(t, left)
			awaitLeaderless(t, all, left)
			refusedWithoutMajority(t, left,
				"put kept changed", "get kept", "del kept", "lock --wait 0 m", "queue put jobs body",
				"lease grant 10s", "namespace create another", "endpoint hash")
			goesOnWithoutMajority(t, left)

			all.start()
			res, err := all.client.Range(within(t, patience), "", conclave.WithPrefix())
			if err != nil {
				t.Fatal(err)
			}
			for _, kv := range res.KVs {
				if kv.Key != "maybe" && (kv.Key != "kept" || kv.String() != "as it was") {
					t.Errorf("%s is %s", kv.Key, kv)
				}
			}
			if spaces, err := all.client.Namespaces(within(t, patience)); err != nil || len(spaces) != 1 {
				t.Errorf("the namespaces are %v: %v", spaces, err)
			}
			if _, err := all.client.Queue("jobs").Stats(within(t, patience)); !errors.Is(err, conclave.ErrQueueNotFound) {
				t.Errorf("a job of a queue that was refused: %v", err)
			}
			all.checkHashes()
		})
	}
}

// awaitLeaderless waits until a node has noticed that it is alone.
func awaitLeaderless(t *testing.T, c *cluster, left *node) {
	t.Helper()
	eventually(t, patience, func(ctx context.Context) error {
		status, err := c.client.Status(ctx, left.clientURL)
		if err != nil {
			return err
		}
		for _, shard := range status.Shards {
			if shard.Leader != "" {
				return fmt.Errorf("shard %d is led by %s", shard.Shard, shard.Leader)
			}
		}
		return nil
	})
}

// undecidedWithoutMajority writes while the node may not know yet that it is
// alone. Then the write is in its log and nobody can say what becomes of it, so
// that is what the user is told.
func undecidedWithoutMajority(t *testing.T, left *node) {
	t.Helper()
	ended := left.on(t, "put", "maybe", "written", "--timeout", "1s")
	want := "majority"
	for _, said := range []string{"it may or may not have happened", "no answer from"} {
		if strings.Contains(ended.stderr, said) {
			want = said
		}
	}
	ended.refused(t, want)
}

// refusedWithoutMajority tries what needs one, all at once: each waits for its timeout.
func refusedWithoutMajority(t *testing.T, left *node, commands ...string) {
	t.Helper()
	var typed [][]string
	for _, command := range commands {
		typed = append(typed, append([]string{"--endpoints", left.clientURL, "--timeout", "3s"}, strings.Fields(command)...))
	}
	for i, ended := range allAtOnce(t, typed...) {
		ended.refused(t, "majority")
		if ended.code != noReach {
			t.Errorf("%s: exit code %d, want %d", commands[i], ended.code, noReach)
		}
		if ended.took > 10*time.Second {
			t.Errorf("%s: refused only after %v", commands[i], ended.took)
		}
	}
}

// goesOnWithoutMajority does what needs none.
func goesOnWithoutMajority(t *testing.T, left *node) {
	t.Helper()
	client := dial(t, left.clientURL)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kv, err := client.Get(ctx, "kept", conclave.Serializable(0))
	if err != nil || kv.String() != "as it was" {
		t.Errorf("a serializable read: %q, %v", kv, err)
	}
	if got := left.on(t, "get", "kept", "--consistency", "s", "--print-value-only").ok(t); got != "as it was\n" {
		t.Errorf("a serializable read printed %q", got)
	}
	health := left.on(t, "endpoint", "health")
	if health.code != noReach || !strings.Contains(health.stderr, "not healthy") {
		t.Errorf("endpoint health: %+v", health)
	}
}
