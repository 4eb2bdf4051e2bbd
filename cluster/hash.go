package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

// Hash has every replica of a shard hash its state at one log index. They must
// all be the same. A node that does not answer until ctx ends has an error
// instead.
func (c *Cluster) Hash(ctx context.Context, shard uint64) (index uint64, hashes []NodeHash, err error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	result, err := c.Propose(ctx, shard, &logv1.Command{
		Body: &logv1.Command_ComputeHash{ComputeHash: &logv1.ComputeHash{}},
	})
	if err != nil {
		return 0, nil, err
	}
	if result.GetRefusal() != nil {
		return 0, nil, &RefusedError{Refusal: result.GetRefusal()}
	}
	index = result.GetComputeHash().GetIndex()
	nodes := c.directory.records()
	hashes = make([]NodeHash, len(nodes))
	var asking sync.WaitGroup
	for i, node := range nodes {
		asking.Go(func() {
			hash, err := c.hashOf(ctx, node.GetName(), shard, index)
			hashes[i] = NodeHash{Node: node.GetName(), Hash: hash, Err: err}
		})
	}
	asking.Wait()
	return index, hashes, nil
}

func (c *Cluster) hashOf(ctx context.Context, node string, shard, index uint64) (string, error) {
	if node == c.id.Name {
		return c.shards[shard].hash(ctx, index)
	}
	p := c.peer(node)
	if p == nil {
		return "", ErrUnavailable
	}
	answer, err := p.service().Hash(ctx, &peerv1.HashRequest{ShardId: shard, Index: index})
	if err == nil && !answer.GetReady() {
		err = errHashUnknown
	}
	return answer.GetHash(), err
}

// errHashUnknown says that a replica has no hash of an index: it was replaced
// by a snapshot of a later one, or has forgotten it.
var errHashUnknown = errors.New("this replica has no hash of that index")

// hashPause is how long to wait before looking again whether a hash is ready:
// it is computed beside apply.
const hashPause = 5 * time.Millisecond

// hash is this replica's hash at an index. It waits until there is one.
func (s *shard) hash(ctx context.Context, index uint64) (string, error) {
	if err := s.machine.WaitApplied(ctx, index); err != nil {
		return "", s.unavailable(ctx, err)
	}
	for {
		if hash, ok := s.machine.Hash(index); ok {
			return hash, nil
		}
		if !pause(ctx, nil, hashPause) {
			return "", errHashUnknown
		}
	}
}
