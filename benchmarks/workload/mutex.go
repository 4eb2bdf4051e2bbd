package workload

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclavehq/conclave/benchmarks/system"
)

var errTwoHolders = errors.New("two callers hold the same thing")

// mutexes: everybody wants one, or everybody has one of their own.
func mutexes() []Workload {
	var all []Workload
	for _, callers := range []int{32, 256} {
		all = append(all, Workload{
			Name:    fmt.Sprintf("mutex-%d", callers),
			Title:   fmt.Sprintf("one contended mutex, %d callers", callers),
			Counted: "hand-off", Callers: callers, Nodes: 1,
			Goals: []Goal{ratioOf(Rate, 10)},
			Note:  "Latency is from the beginning of the unlock until the next caller has the lock.",
			Run: func(ctx context.Context, b *Bench) error {
				return b.handOver(ctx, callers, func(ctx context.Context, s system.Session) (system.Release, error) {
					return s.Lock(ctx, "contended")
				})
			},
		})
	}
	return append(all, Workload{
		Name: "lock-256", Title: "uncontended lock + unlock, 256 callers on 256 locks", Counted: "lock and unlock",
		Callers: 256, Nodes: 1,
		Goals: []Goal{ratioOf(Rate, 6)},
		Run:   func(ctx context.Context, b *Bench) error { return ownLocks(ctx, b, 256) },
	})
}

func ownLocks(ctx context.Context, b *Bench, callers int) error {
	sessions, stop, err := b.sessions(ctx, callers)
	if err != nil {
		return err
	}
	defer stop()
	return b.loop(ctx, callers, func(caller int) (operation, error) {
		s, name := sessions[caller], fmt.Sprintf("own/%d", caller)
		return func() error {
			unlock, err := s.Lock(ctx, name)
			if err != nil {
				return err
			}
			return unlock(ctx)
		}, nil
	})
}
