package etcdv2

import (
	"context"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Cluster is what the API needs of the cluster that this node belongs to.
type Cluster interface {
	// Namespace finds where a namespace lives.
	Namespace(ctx context.Context, name string) (cluster.Namespace, error)
	// Propose has a command applied and returns what it gave.
	Propose(ctx context.Context, shard uint64, cmd *logv1.Command) (*logv1.Result, error)
	// Query answers a question from this node's replica.
	Query(ctx context.Context, shard uint64, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error)
	// Watch begins a watch of keys on this node's replica.
	Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error)
	// Standing is how this node stands in a shard; it is cheap.
	Standing(shard uint64) cluster.Standing
	// Status is how this node sees itself and its shards; it asks nobody.
	Status() cluster.Status
}
