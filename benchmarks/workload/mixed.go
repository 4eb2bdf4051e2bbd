package workload

import "context"

// mixed reads four times of five and writes the fifth.
func mixed() []Workload {
	const callers = 256
	return []Workload{{
		Name: "mixed-256", Title: "80 % get, 20 % put, 256 callers", Counted: "get or put", Callers: callers, Nodes: 1,
		Goals: []Goal{ratioOf(Rate, 4)},
		Run: func(ctx context.Context, b *Bench) error {
			if err := load(ctx, b, 0, readSpace); err != nil {
				return err
			}
			return b.loop(ctx, callers, func(caller int) (operation, error) {
				client, in := b.Client(caller), newInput(caller)
				return func() error {
					if in.IntN(5) > 0 {
						return read(ctx, client, in.key(readSpace))
					}
					_, err := client.Put(ctx, in.key(readSpace), in.value())
					return err
				}, nil
			})
		},
	}}
}
