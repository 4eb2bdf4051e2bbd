package cluster

import (
	"context"
	"fmt"
	"slices"

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
		if err := c.transfer(ctx, s, record.GetReplicaId()); err != nil {
			return fmt.Errorf("shard %d was not handed to node %q: %w", id, node, err)
		}
	}
	return nil
}

// transfer asks the leader, until the target leads.
func (c *Cluster) transfer(ctx context.Context, s *shard, to uint64) error {
	for {
		leader, moved, err := c.waitLeader(ctx, s)
		switch {
		case err != nil:
			return err
		case leader == to:
			return nil
		case leader == s.replica:
			err = s.raft.RequestLeaderTransfer(s.id, to)
		default:
			if p := c.peerOf(leader); p != nil {
				_, err = p.service().TransferLeader(ctx,
					&peerv1.TransferLeaderRequest{ShardId: s.id, ToReplicaId: to})
			}
		}
		if err != nil {
			s.log.Debug().Err(err).Msg("the leader did not take the request to hand over")
		}
		pause(ctx, moved, joinPause)
	}
}

// handOverShard makes one of the successors the leader, in their order, and
// returns when another replica leads.
func (c *Cluster) handOverShard(ctx context.Context, s *shard, successors []uint64) error {
	for _, to := range successors {
		if err := s.raft.RequestLeaderTransfer(s.id, to); err != nil {
			return err
		}
		attempt, cancel := context.WithTimeout(ctx, handOverTimeout/2)
		for {
			info, moved := s.leader()
			if info.LeaderID != s.replica && info.LeaderID != raftio.NoLeader {
				cancel()
				return nil
			}
			select {
			case <-moved:
				continue
			case <-attempt.Done():
			}
			break
		}
		cancel()
	}
	return ErrNoLeader
}

// successors are the replicas that could lead the shard now: those of nodes
// that answer, the furthest first.
func (c *Cluster) successors(ctx context.Context, s *shard) []uint64 {
	type candidate struct{ replica, applied uint64 }
	var candidates []candidate
	for _, node := range c.directory.records() {
		if node.GetName() == c.id.Name {
			continue
		}
		shards, err := c.statusOf(ctx, node.GetName())
		if err != nil {
			continue
		}
		for _, status := range shards {
			if status.Shard == s.id {
				candidates = append(candidates, candidate{node.GetReplicaId(), status.Applied})
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return int(int64(b.applied) - int64(a.applied)) })
	replicas := make([]uint64, len(candidates))
	for i, c := range candidates {
		replicas[i] = c.replica
	}
	return replicas
}
