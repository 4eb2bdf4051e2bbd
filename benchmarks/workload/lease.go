package workload

import (
	"context"
	"fmt"
)

// leases come and go, each with a key.
func leases() []Workload {
	const callers = 64
	return []Workload{{
		Name: "lease-64", Title: "lease churn: grant, attach a key, revoke, 64 callers", Counted: "lease", Callers: callers, Nodes: 1,
		Goals: []Goal{ratioOf(Rate, 6)},
		Run: func(ctx context.Context, b *Bench) error {
			return b.loop(ctx, callers, func(caller int) (operation, error) {
				client, in := b.Client(caller), newInput(caller)
				name := fmt.Sprintf("l%07d", caller)
				return func() error { return client.CycleLease(ctx, name, in.value()) }, nil
			})
		},
	}}
}
