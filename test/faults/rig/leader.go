//go:build linux

package rig

import (
	"context"
	"fmt"
)

// DefaultShard is the shard of the namespace "default".
const DefaultShard = 2

// Leader waits until a node leads the shard of the namespace "default", and returns
// it; see LeaderOf.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) { return c.LeaderOf(ctx, DefaultShard) }

// LeaderOf waits until a node leads a shard, and returns it. It is the one of the
// highest term that answers: one that is cut off may still think that it leads. It
// waits for at most a minute.
func (c *Cluster) LeaderOf(ctx context.Context, shard uint64) (leader *Node, err error) {
	err = until(ctx, func(ctx context.Context) error {
		if leader = c.leads(ctx, shard); leader == nil {
			return fmt.Errorf("no node says that it leads shard %d", shard)
		}
		return nil
	})
	return leader, err
}

// vote is whom a node takes for the leader.
type vote struct {
	leader string
	term   uint64
}

// heard is a vote, and whether the leader itself says so.
type heard struct {
	vote
	own bool
}

// leads asks all nodes once. It does not wait for the slow ones when a majority
// agrees with the node that says that it leads.
func (c *Cluster) leads(ctx context.Context, shard uint64) *Node {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := 0
	answers := make(chan heard, len(c.nodes))
	for _, n := range c.running() {
		if n.isPaused() {
			continue // it cannot answer
		}
		asked++
		go func() { answers <- c.vote(ctx, n, shard) }()
	}
	var best vote
	votes, claimed := make(map[vote]int), make(map[vote]bool)
	for range asked {
		h := <-answers
		votes[h.vote]++
		claimed[h.vote] = claimed[h.vote] || h.own
		if !claimed[h.vote] {
			continue
		}
		if votes[h.vote] > len(c.nodes)/2 {
			return c.Node(h.leader)
		}
		if h.own && h.term >= best.term {
			best = h.vote
		}
	}
	return c.Node(best.leader)
}

// vote asks one node. Its zero value is no answer.
func (c *Cluster) vote(ctx context.Context, n *Node, shard uint64) heard {
	status, err := c.ask.status(ctx, n)
	if err != nil {
		return heard{}
	}
	for _, s := range status.GetShards() {
		if s.GetShardId() == shard {
			return heard{vote{s.GetLeader(), s.GetTerm()}, s.GetIsLeader()}
		}
	}
	return heard{}
}
