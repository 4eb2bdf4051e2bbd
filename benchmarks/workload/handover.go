package workload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavehq/conclave/benchmarks/system"
)

// grab takes what only one session has at a time.
type grab func(ctx context.Context, s system.Session) (system.Release, error)

// handOver has callers take the same thing in turn, each giving it back at once.
// An operation is a grant, and it takes from the moment when the holder before
// began to give back. When the window is over everybody takes it once more and
// leaves, so that nobody has to be interrupted.
func (b *Bench) handOver(ctx context.Context, callers int, take grab) error {
	sessions, stop, err := b.sessions(ctx, callers)
	if err != nil {
		return err
	}
	defer stop()
	var (
		all   sync.WaitGroup
		since = time.Now()
		// When the last holder began to give back, counted from since. Holders
		// alone write it, so it needs to be atomic for readers only.
		given   atomic.Int64
		holders atomic.Int64
	)
	b.Start(ctx)
	for _, s := range sessions {
		lane := b.Lane()
		all.Go(func() {
			for !b.Over() {
				release, err := take(ctx, s)
				if err != nil {
					b.Fail(err)
					continue
				}
				if holders.Add(1) != 1 {
					b.Fail(errTwoHolders)
				}
				now := time.Since(since)
				lane.Done(now - time.Duration(given.Load()))
				given.Store(int64(time.Since(since)))
				holders.Add(-1)
				b.Fail(release(ctx))
			}
		})
	}
	all.Wait()
	<-b.Done()
	return nil
}
