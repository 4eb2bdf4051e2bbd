package cluster

import (
	"github.com/lni/dragonboat/v4/raftio"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Namespace is where a namespace lives.
type Namespace struct {
	Name  string
	ID    uint32
	Shard uint64
}

// ReadOptions says what a query must have seen.
type ReadOptions struct {
	// Serializable answers from this node's state as it is. Otherwise the answer
	// is linearizable: it has seen everything that was acknowledged before.
	Serializable bool
	// MinIndex is a log index (a Result's) that the answer must have seen.
	MinIndex uint64
}

// Status is how this node sees itself and its shards.
type Status struct {
	Name      string
	ClusterID uint64
	ReplicaID uint64
	Version   string
	Shards    []ShardStatus
	Members   []*logv1.Node
	// NoSpace are the nodes whose disks are nearly full, for all that this node
	// knows: while there is one, the cluster refuses what makes its state larger.
	NoSpace []string
}

// ShardStatus is how this node sees one shard.
type ShardStatus struct {
	Shard   uint64
	Applied uint64
	Term    uint64
	// Epoch is the term of the last leader that claimed the shard.
	Epoch uint64
	// Leader is the name of the leading node, empty when none is known, and
	// IsLeader says that it is this one.
	Leader   string
	IsLeader bool
}

// Member is a node of the cluster, as the system shard has it on record, with
// how it answers now.
type Member struct {
	Node *logv1.Node
	// Reachable says that it answered on its peer port.
	Reachable bool
	// Shards is how it sees its replicas, when it is reachable.
	Shards []ShardStatus
}

// NodeHash is one replica's hash.
type NodeHash struct {
	Node string
	// Hash is empty when Err is set.
	Hash string
	// Err says why the node gave no hash.
	Err error
}

// LeaderURLs is where clients reach the node that leads a shard; nil when that is
// this node, or not known.
func (c *Cluster) LeaderURLs(shard uint64) []string {
	s := c.shards[shard]
	if s == nil {
		return nil
	}
	info, _ := s.leader()
	if info.LeaderID == raftio.NoLeader || info.LeaderID == s.replica {
		return nil
	}
	return c.directory.node(c.directory.nameOf(info.LeaderID)).GetClientUrls()
}

// Standing is what every answer of etcd's API tells about who gave it.
type Standing struct {
	ClusterID uint64
	// ReplicaID is this node's, LeaderID the leading node's; 0 if none is known.
	ReplicaID, LeaderID uint64
	Term                uint64
}

// Standing is how this node stands in a shard. It asks nobody.
func (c *Cluster) Standing(shard uint64) Standing {
	standing := Standing{ClusterID: c.id.ClusterID, ReplicaID: c.id.ReplicaID}
	if s := c.shards[shard]; s != nil {
		info, _ := s.leader()
		standing.LeaderID, standing.Term = info.LeaderID, info.Term
	}
	return standing
}
