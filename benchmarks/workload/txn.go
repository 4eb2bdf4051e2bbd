package workload

import (
	"context"
	"fmt"
)

// transactions compare a key with what the caller knows of it, and write it and
// another one.
func transactions() []Workload {
	const callers = 256
	return []Workload{{
		Name: "txn-256", Title: "transaction (compare, put, put), 256 callers", Counted: "transaction", Callers: callers, Nodes: 1,
		Goals: []Goal{ratioOf(Rate, 5)},
		Note:  "The comparison is with the revision of the caller's own last write, so each transaction has to succeed.",
		Run: func(ctx context.Context, b *Bench) error {
			return b.loop(ctx, callers, func(caller int) (operation, error) {
				client, in := b.Client(caller), newInput(caller)
				one, two := fmt.Sprintf("a%07d", caller), fmt.Sprintf("b%07d", caller)
				revision, err := client.Put(ctx, one, in.value())
				return func() error {
					next, err := client.Swap(ctx, one, two, in.value(), revision)
					if err == nil {
						revision = next
					}
					return err
				}, err
			})
		},
	}}
}
