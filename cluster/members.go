package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

// reachTimeout is how long a node may take to say how it stands.
const reachTimeout = time.Second

// Status is how this node sees itself and its shards. It asks nobody.
func (c *Cluster) Status() Status {
	status := Status{
		Name: c.id.Name, ClusterID: c.id.ClusterID, ReplicaID: c.id.ReplicaID,
		Version: c.cfg.Version, Members: c.directory.records(), NoSpace: c.room.nodes(),
	}
	for _, id := range c.id.shards() {
		s := c.shards[id]
		info, _ := s.leader()
		status.Shards = append(status.Shards, ShardStatus{
			Shard: id, Applied: s.machine.Applied(), Term: info.Term, Epoch: s.machine.Epoch(),
			Leader: c.directory.nameOf(info.LeaderID), IsLeader: info.LeaderID == s.replica,
		})
	}
	return status
}

// Members lists the nodes on record, by name, and asks each how it stands.
func (c *Cluster) Members(ctx context.Context) ([]Member, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	answer, err := c.Query(ctx, systemShard, ReadOptions{},
		&logv1.Query{Body: &logv1.Query_ListNodes{ListNodes: &logv1.ListNodes{}}})
	if err != nil {
		return nil, err
	}
	nodes := answer.GetListNodes().GetNodes()
	members := make([]Member, len(nodes))
	var asking sync.WaitGroup
	for i, node := range nodes {
		members[i].Node = node
		asking.Go(func() {
			shards, err := c.statusOf(ctx, node.GetName())
			members[i].Shards, members[i].Reachable = shards, err == nil
		})
	}
	asking.Wait()
	return members, nil
}

// statusOf asks a node how it sees its replicas.
func (c *Cluster) statusOf(ctx context.Context, name string) ([]ShardStatus, error) {
	if name == c.id.Name {
		return c.Status().Shards, nil
	}
	p := c.peer(name)
	if p == nil {
		return nil, ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	answer, err := p.service().Status(ctx, &peerv1.StatusRequest{})
	if err != nil {
		return nil, err
	}
	shards := make([]ShardStatus, 0, len(answer.GetShards()))
	for _, s := range answer.GetShards() {
		shards = append(shards, ShardStatus{
			Shard: s.GetShardId(), Applied: s.GetAppliedIndex(), Term: s.GetTerm(),
			Leader: c.directory.nameOf(s.GetLeaderReplicaId()), IsLeader: s.GetIsLeader(),
		})
	}
	return shards, nil
}

// ReplaceMember opens the name of a node, whose data is lost, to a new data
// directory: the node's replicas leave the shards and the new one's places are
// made. Start the new node after it, with an empty directory. Called again, it
// finishes what was left undone.
func (c *Cluster) ReplaceMember(ctx context.Context, name string) (*logv1.Node, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if err := c.mayReplace(ctx, name); err != nil {
		return nil, err
	}
	result, err := c.ask(ctx, &logv1.Command{Body: &logv1.Command_ReplaceNode{
		ReplaceNode: &logv1.ReplaceNode{Name: name},
	}})
	if err != nil {
		return nil, err
	}
	node := result.GetReplaceNode().GetNode()
	for _, shard := range c.id.shards() {
		if err := c.replaceReplica(ctx, shard, node, result.GetReplaceNode().GetRemovedReplicaId()); err != nil {
			return nil, fmt.Errorf("node %q is being replaced, but shard %d is left to do; run the replacement again: %w",
				name, shard, err)
		}
	}
	return node, nil
}

// mayReplace refuses what would end badly.
func (c *Cluster) mayReplace(ctx context.Context, name string) error {
	if len(c.id.Members) == 1 {
		return refused(logv1.Reason_REASON_INVALID_ARGUMENT, "the only node of a cluster cannot be replaced: nobody has its data")
	}
	if name == c.id.Name {
		return refused(logv1.Reason_REASON_INVALID_ARGUMENT, "a node cannot replace itself: run the replacement on another node")
	}
	answer, err := c.Query(ctx, systemShard, ReadOptions{},
		&logv1.Query{Body: &logv1.Query_ListNodes{ListNodes: &logv1.ListNodes{}}})
	if err != nil {
		return err
	}
	// The new node's replica id must be one that no member has, and the table
	// only knows those that have registered.
	known := make(map[string]bool)
	for _, node := range answer.GetListNodes().GetNodes() {
		known[node.GetName()] = true
	}
	for _, member := range c.id.Members {
		if !known[member] && member != name {
			return refused(logv1.Reason_REASON_WRONG_STATE, "node %q has never started; start it first", member)
		}
	}
	return nil
}

// memberTimeout bounds one attempt to change members. A request may get lost
// with the leader that it was forwarded to, and until it is given up there can
// be no other.
const memberTimeout = 2 * time.Second

// replaceReplica changes the members of a shard, in steps that a majority of
// the remaining ones can take. Each attempt looks at the members first, so no
// change is made twice.
func (c *Cluster) replaceReplica(ctx context.Context, shard uint64, node *logv1.Node, removed uint64) error {
	target := nodeHostID(c.id.ClusterID, node.GetName(), node.GetGeneration())
	for {
		attempt, cancel := context.WithTimeout(ctx, memberTimeout)
		err := c.changeMembers(attempt, shard, node.GetReplicaId(), removed, target)
		cancel()
		if err == nil {
			return nil
		}
		c.log.Debug().Err(err).Uint64("shard", shard).Msg("the members are not changed yet")
		if !pause(ctx, nil, joinPause/10) {
			return ErrUnavailable
		}
	}
}

func (c *Cluster) changeMembers(ctx context.Context, shard, added, removed uint64, target string) error {
	members, err := c.raft.SyncGetShardMembership(ctx, shard)
	if err != nil {
		return err
	}
	if _, there := members.Nodes[removed]; there {
		if err := c.raft.SyncRequestDeleteReplica(ctx, shard, removed, members.ConfigChangeID); err != nil {
			return err
		}
		if members, err = c.raft.SyncGetShardMembership(ctx, shard); err != nil {
			return err
		}
	}
	if _, there := members.Nodes[added]; there {
		return nil
	}
	return c.raft.SyncRequestAddReplica(ctx, shard, added, target, members.ConfigChangeID)
}
