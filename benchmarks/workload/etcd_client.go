package workload

import (
	"context"
	"fmt"
)

// etcdClients use etcd's own client with both systems: what somebody gets who
// changes nothing but the server.
func etcdClients() []Workload {
	var all []Workload
	for _, callers := range []int{1, 64, 256, 1000} {
		all = append(all, Workload{
			Name:    fmt.Sprintf("etcd-client-put-%d", callers),
			Title:   "etcd's client: put, " + many(callers, "caller"),
			Counted: "put", Callers: callers, Nodes: 1, EtcdClient: true,
			Goals: map[int][]Goal{
				1: {ratioUpTo(P50, 1.1)}, 64: {ratioOf(Rate, 1)}, 256: {ratioOf(Rate, 1.3)}, 1000: {ratioOf(Rate, 1.3)},
			}[callers],
			Run: func(ctx context.Context, b *Bench) error { return put(ctx, b, callers, keySpace) },
		})
	}
	for _, callers := range []int{1, 64, 256, 1000} {
		all = append(all, Workload{
			Name:    fmt.Sprintf("etcd-client-get-%d", callers),
			Title:   "etcd's client: linearizable get, " + many(callers, "caller"),
			Counted: "get", Callers: callers, Nodes: 1, EtcdClient: true,
			Goals: []Goal{ratioOf(Rate, 1)},
			Run: func(ctx context.Context, b *Bench) error {
				if err := load(ctx, b, 0, readSpace); err != nil {
					return err
				}
				return get(ctx, b, callers, readSpace)
			},
		})
	}
	return all
}
