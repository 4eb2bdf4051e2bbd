package rpc

import (
	"context"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Cluster is what the handlers need of the cluster that this node belongs to.
type Cluster interface {
	Store
	Admin
}

// Store keeps the namespaces and what is in them.
type Store interface {
	// Namespace finds where a namespace lives by its name, where an empty one is
	// "default", or by its address "name@id".
	Namespace(ctx context.Context, name string) (cluster.Namespace, error)
	// Propose has a command applied and returns what it gave.
	Propose(ctx context.Context, shard uint64, cmd *logv1.Command) (*logv1.Result, error)
	// ProposeAll has commands applied and tells what they gave as they are
	// decided; it returns when all are.
	ProposeAll(ctx context.Context, shard uint64, cmds []*logv1.Command, decided func([]cluster.Outcome))
	// LeaderURLs is where clients reach the leader of a shard, if that is another
	// node.
	LeaderURLs(shard uint64) []string
	// Query answers a question from this node's replica.
	Query(ctx context.Context, shard uint64, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error)
	// QueryAll answers questions, in order; an error is that of the rest.
	QueryAll(ctx context.Context, shard uint64, read cluster.ReadOptions, queries []*logv1.Query,
		answered func(i int, answer *logv1.Answer)) error
	// Subscribe begins a subscription to what this node's replica applies.
	Subscribe(shard uint64, filter feed.Filter) (*feed.Subscription, error)
	// Watch begins a watch of keys on this node's replica.
	Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error)
}

// Admin is what operators ask of the cluster.
type Admin interface {
	// CreateNamespace and DeleteNamespace return when it is done.
	CreateNamespace(ctx context.Context, name string) (*logv1.Namespace, error)
	DeleteNamespace(ctx context.Context, name string) error
	ListNamespaces(ctx context.Context) ([]*logv1.Namespace, error)
	// Status is how this node sees itself.
	Status() cluster.Status
	// Members are the nodes of the cluster.
	Members(ctx context.Context) ([]cluster.Member, error)
	// TransferLeader hands a shard, or all of them if it is 0, to a node.
	TransferLeader(ctx context.Context, shard uint64, node string) error
	// ReplaceMember makes room for a node that comes back empty.
	ReplaceMember(ctx context.Context, name string) (*logv1.Node, error)
	// Hash has all replicas of a shard hash their state at one index.
	Hash(ctx context.Context, shard uint64) (index uint64, hashes []cluster.NodeHash, err error)
}
