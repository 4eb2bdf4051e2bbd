package process

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// dataShard is the shard of the default namespace.
const dataShard = 2

// cluster is a set of nodes that know each other by --initial-cluster.
type cluster struct {
	t     testing.TB
	nodes []*node
	// client is for looking at the cluster; it knows all nodes.
	client *conclave.Client
}

// startCluster prepares n nodes, starts them and waits until all serve.
func startCluster(t testing.TB, n int, more ...setting) *cluster {
	t.Helper()
	c := prepareCluster(t, n, more...)
	c.start()
	return c
}

// prepareCluster prepares n nodes without starting them. They end with the
// test, and what they logged last is shown when it has failed.
func prepareCluster(t testing.TB, n int, more ...setting) *cluster {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 2*n)
	c := &cluster{t: t}
	var members []string
	for i := range n {
		name := fmt.Sprintf("n%d", i+1)
		member := &node{
			name:      name,
			dir:       filepath.Join(dir, name),
			clientURL: fmt.Sprintf("http://127.0.0.1:%d", ports[2*i]),
			peerURL:   fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1]),
			more:      more,
			t:         t,
		}
		members = append(members, member.name+"="+member.peerURL)
		c.nodes = append(c.nodes, member)
	}
	for _, member := range c.nodes {
		member.cluster = strings.Join(members, ",")
	}
	t.Cleanup(c.end)
	c.client = dial(t, c.endpoints()...)
	return c
}

// start starts all nodes that do not run and waits until all serve.
func (c *cluster) start() {
	c.t.Helper()
	for _, n := range c.nodes {
		if n.life == nil {
			n.start()
		}
	}
	for _, n := range c.nodes {
		n.waitReady()
	}
}

func (c *cluster) end() {
	for _, n := range c.nodes {
		if n.life != nil {
			_ = n.life.cmd.Process.Signal(syscall.SIGCONT)
			n.kill()
		}
		if c.t.Failed() {
			c.t.Logf("what %s logged last:\n%s", n.name, n.tail())
		}
	}
}

// endpoints are the client URLs of all nodes.
func (c *cluster) endpoints() []string {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, n.clientURL)
	}
	return urls
}

// dial makes a client of some endpoints that is closed with the test.
func dial(t testing.TB, endpoints ...string) *conclave.Client {
	t.Helper()
	client, err := conclave.Dial(t.Context(), endpoints)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// leader waits until a node says that it leads the shard, and returns it.
func (c *cluster) leader(shard uint64) *node {
	c.t.Helper()
	var leader *node
	eventually(c.t, patience, func(ctx context.Context) error {
		for _, n := range c.nodes {
			if n.life == nil {
				continue
			}
			if c.leads(ctx, n, shard) {
				leader = n
				return nil
			}
		}
		return fmt.Errorf("no node leads shard %d", shard)
	})
	return leader
}

func (c *cluster) leads(ctx context.Context, n *node, shard uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := c.client.Status(ctx, n.clientURL)
	if err != nil {
		return false // it does not answer now
	}
	for _, s := range status.Shards {
		if s.Shard == shard {
			return s.IsLeader
		}
	}
	return false
}

// follower is a node that does not lead the shard.
func (c *cluster) follower(shard uint64) *node {
	c.t.Helper()
	leader := c.leader(shard)
	for _, n := range c.nodes {
		if n != leader && n.life != nil {
			return n
		}
	}
	c.t.Fatalf("no node follows in shard %d", shard)
	return nil
}

// checkHashes has all replicas hash their state at one index, and fails the test
// unless all of each shard are the same. A replica that is not there yet is
// waited for.
func (c *cluster) checkHashes() {
	c.t.Helper()
	var shards []conclave.ShardHashes
	eventually(c.t, patience, func(ctx context.Context) (err error) {
		if shards, err = c.client.CompareHashes(ctx); err != nil {
			return err
		}
		return hashesComplete(shards, len(c.nodes))
	})
	for _, shard := range shards {
		if !shard.Equal {
			c.t.Fatalf("shard %d: the replicas differ at index %d: %v", shard.Shard, shard.Index, shard.Replicas)
		}
	}
}

func hashesComplete(shards []conclave.ShardHashes, replicas int) error {
	if len(shards) < 2 {
		return fmt.Errorf("%d shards were compared", len(shards))
	}
	for _, shard := range shards {
		if len(shard.Replicas) != replicas {
			return fmt.Errorf("shard %d: %d of %d replicas were asked", shard.Shard, len(shard.Replicas), replicas)
		}
		for _, r := range shard.Replicas {
			if r.Problem != "" || r.Hash == "" {
				return fmt.Errorf("shard %d on %s: %s", shard.Shard, r.Member, r.Problem)
			}
		}
	}
	return nil
}
