package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lni/dragonboat/v4/raftio"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

// TransferLeader makes a node the leader of a shard, or of all shards if shard
// is 0, and waits until this node has seen that.
func (c *Cluster) TransferLeader(ctx context.Context, shard uint64, node string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	record := c.directory.node(node)
	if record == nil {
		return refused(logv1.Reason_REASON_NODE_NOT_FOUND, "there is no node %q", node)
	}
	shards := []uint64{shard}
	if shard == 0 {
		shards = c.id.shards()
	}
	for _, id := range shards {
		s := c.shards[id]
		if s == nil {
			return ErrNoShard
		}
		if err := c.transfer(ctx, s, record); err != nil {
			return fmt.Errorf("shard %d was not handed to node %q: %w", id, node, err)
		}
	}
	return nil
}

// transfer asks the leader, until the target leads.
func (c *Cluster) transfer(ctx context.Context, s *shard, to *logv1.Node) error {
	for {
		leader, moved, err := c.waitLeader(ctx, s)
		switch {
		case err != nil:
			return err
		case leader == to.GetReplicaId():
			return nil
		case leader == s.replica:
			err = c.yield(ctx, s, to)
		default:
			if p := c.peerOf(leader); p != nil {
				_, err = p.service().TransferLeader(ctx,
					&peerv1.TransferLeaderRequest{ShardId: s.id, ToReplicaId: to.GetReplicaId()})
			}
		}
		if err != nil {
			s.log.Debug().Err(err).Msg("the leader could not hand over yet")
		}
		pause(ctx, moved, retryTransfer)
	}
}

const (
	// handOverTimeout is how long a leader tries to make one other node lead.
	handOverTimeout = time.Second
	// retryTransfer is how long to wait before asking a leader again.
	retryTransfer = 200 * time.Millisecond
	// drainPause is how long to wait before looking again whether everything
	// proposed is applied, here and on the node that is to lead.
	drainPause = 2 * time.Millisecond
)

// yield makes another node lead a shard that this one leads. A replica that has
// not applied all that is committed does not campaign, and Raft then blocks the
// shard for an election timeout; so nothing is proposed meanwhile, and the
// other one is waited for first.
func (c *Cluster) yield(ctx context.Context, s *shard, to *logv1.Node) error {
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	s.batcher.hold(true)
	defer s.batcher.hold(false)
	for !s.batcher.drained() {
		if !pause(ctx, nil, drainPause) {
			return ErrUnavailable
		}
	}
	for last := s.machine.Applied(); ; {
		applied, err := c.appliedBy(ctx, to.GetName(), s.id)
		if err != nil {
			return err
		}
		if applied >= last {
			break
		}
		if !pause(ctx, nil, drainPause) {
			return ErrUnavailable
		}
	}
	if err := s.raft.RequestLeaderTransfer(s.id, to.GetReplicaId()); err != nil {
		return err
	}
	for {
		info, moved := s.leader()
		if info.LeaderID != s.replica && info.LeaderID != raftio.NoLeader {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ErrUnavailable
		}
	}
}

// appliedBy is how far a node is in a shard.
func (c *Cluster) appliedBy(ctx context.Context, node string, shard uint64) (uint64, error) {
	shards, err := c.statusOf(ctx, node)
	if err != nil {
		return 0, err
	}
	for _, status := range shards {
		if status.Shard == shard {
			return status.Applied, nil
		}
	}
	return 0, ErrNoShard
}

// handOverShard makes one of the other nodes lead, the furthest first.
func (c *Cluster) handOverShard(ctx context.Context, s *shard) error {
	for _, node := range c.successors(ctx, s) {
		err := c.yield(ctx, s, node)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return ErrNoLeader
}

// successors are the nodes that answer, those furthest in the shard first.
func (c *Cluster) successors(ctx context.Context, s *shard) []*logv1.Node {
	applied := make(map[string]uint64)
	var nodes []*logv1.Node
	for _, node := range c.directory.records() {
		if node.GetName() == c.id.Name {
			continue
		}
		if index, err := c.appliedBy(ctx, node.GetName(), s.id); err == nil {
			applied[node.GetName()] = index
			nodes = append(nodes, node)
		}
	}
	slices.SortStableFunc(nodes, func(a, b *logv1.Node) int {
		return cmp.Compare(applied[b.GetName()], applied[a.GetName()])
	})
	return nodes
}
