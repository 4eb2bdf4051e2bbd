package workload

import (
	"context"
	"fmt"
)

// keySpace is how many different keys puts go to.
const keySpace = 100_000

// puts write random keys, each caller one after the other.
func puts(nodes int) []Workload {
	name, title, series := "put-%d", "put, %s", "put"
	goals := map[int][]Goal{
		1: {ratioUpTo(P50, 1)}, 8: {ratioOf(Rate, 1.5)}, 64: {ratioOf(Rate, 3)}, 256: {ratioOf(Rate, 5)}, 1000: {ratioOf(Rate, 8)},
	}
	if nodes > 1 {
		name, title, series = fmt.Sprintf("nodes%d-put-%%d", nodes), fmt.Sprintf("%d nodes: put, %%s", nodes), fmt.Sprintf("put, %d nodes", nodes)
		goals = map[int][]Goal{1: {ratioUpTo(P50, 1)}, 256: {ratioOf(Rate, 4)}, 1000: {ratioOf(Rate, 6)}}
	}
	var all []Workload
	for _, callers := range []int{1, 8, 64, 256, 1000} {
		if goals[callers] == nil {
			continue
		}
		all = append(all, Workload{
			Name:    fmt.Sprintf(name, callers),
			Title:   fmt.Sprintf(title, many(callers, "caller")),
			Counted: "put", Series: series, Callers: callers, Nodes: nodes,
			Goals: goals[callers],
			Run:   func(ctx context.Context, b *Bench) error { return put(ctx, b, callers, keySpace) },
		})
	}
	return all
}

func put(ctx context.Context, b *Bench, callers, keys int) error {
	return b.loop(ctx, callers, func(caller int) (operation, error) {
		client, in := b.Client(caller), newInput(caller)
		return func() error {
			_, err := client.Put(ctx, in.key(keys), in.value())
			return err
		}, nil
	})
}

// many is a count with its noun.
func many(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// grouped writes 1000 as 1,000.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
