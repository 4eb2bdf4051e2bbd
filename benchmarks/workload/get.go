package workload

import (
	"context"
	"fmt"
)

// readSpace is how many keys are there to be read.
const readSpace = 10_000

// gets read random keys linearizably.
func gets() []Workload {
	var all []Workload
	for _, c := range []struct {
		callers int
		goal    float64
	}{{1, 1}, {256, 5}} {
		all = append(all, Workload{
			Name:    fmt.Sprintf("get-%d", c.callers),
			Title:   "linearizable get, " + many(c.callers, "caller"),
			Counted: "get", Series: "get", Callers: c.callers, Nodes: 1,
			Goals: []Goal{ratioOf(Rate, c.goal)},
			Run: func(ctx context.Context, b *Bench) error {
				if err := load(ctx, b, 0, readSpace); err != nil {
					return err
				}
				return get(ctx, b, c.callers, readSpace)
			},
		})
	}
	return all
}

func get(ctx context.Context, b *Bench, callers, keys int) error {
	return b.loop(ctx, callers, func(caller int) (operation, error) {
		client, in := b.Client(caller), newInput(caller)
		return func() error { return read(ctx, client, in.key(keys)) }, nil
	})
}
