//go:build linux

package rig

import (
	"context"
	"fmt"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Hashes are the hashes of all replicas of one shard at one index.
type Hashes struct {
	Shard, Index uint64
	// Equal says that all replicas have the same state.
	Equal bool
	// Nodes has the hash of each node's replica.
	Nodes map[string]string
}

// Hashes makes all replicas of all shards hash their states, each shard at one index.
// Every node has to take part: replicas that are not there yet are waited for, for at
// most a minute, and a node without a process fails it at once. Whether the hashes are
// equal is for the caller to judge.
func (c *Cluster) Hashes(ctx context.Context) (all []Hashes, err error) {
	err = c.untilAll(ctx, func(ctx context.Context) error {
		all = nil
		out := &conclavev1.CompareHashesResponse{}
		err := c.ask.call(ctx, c.nodes[0], slowAnswer, "ClusterService/CompareHashes", &conclavev1.CompareHashesRequest{}, out)
		if err != nil {
			return err
		}
		for _, shard := range out.GetShards() {
			h, err := complete(shard, c.nodes)
			if err != nil {
				return err
			}
			all = append(all, h)
		}
		if len(all) < 2 {
			return fmt.Errorf("%d shards were compared, and there are a system shard and data", len(all))
		}
		return nil
	})
	return all, err
}

// complete is the comparison of one shard, in which each of the nodes must be.
func complete(shard *conclavev1.ShardHashes, nodes []*Node) (Hashes, error) {
	h := Hashes{Shard: shard.GetShardId(), Index: shard.GetIndex(), Equal: shard.GetEqual(), Nodes: make(map[string]string)}
	problems := make(map[string]string)
	for _, r := range shard.GetReplicas() {
		if r.GetHash() != "" {
			h.Nodes[r.GetMember()] = r.GetHash()
		}
		problems[r.GetMember()] = r.GetProblem()
	}
	for _, n := range nodes {
		if h.Nodes[n.name] == "" {
			return Hashes{}, fmt.Errorf("there is no hash of shard %d on %s: %s", h.Shard, n.name, problems[n.name])
		}
	}
	return h, nil
}
