package server

import (
	"fmt"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/rpc"
	"github.com/conclavehq/conclave/rpc/etcd"
	"github.com/conclavehq/conclave/statemachine"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// handlers is the cluster as the handlers see it. It adds the watch, which only
// the state machine can begin and the cluster therefore does not know.
type handlers struct {
	*cluster.Cluster
}

var (
	_ rpc.Cluster  = handlers{}
	_ etcd.Cluster = handlers{}
)

// Watch begins a watch of keys on this node's replica.
func (h handlers) Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	machine, err := h.Machine(shard)
	if err != nil {
		return nil, err
	}
	watched, ok := machine.(*statemachine.Machine)
	if !ok {
		return nil, fmt.Errorf("server: shard %d has a machine that cannot be watched: %T", shard, machine)
	}
	return watched.Watch(req)
}
