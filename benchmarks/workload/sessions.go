package workload

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/system"
)

const (
	manyTTL        = 10 * time.Second
	sessionMakers  = 256
	heapSampling   = 250 * time.Millisecond
	heapBaseWithin = 15 * time.Second
)

// manySessions live beside each other, renewing themselves.
func manySessions() Workload {
	return Workload{
		Name: "sessions", Title: "100,000 live sessions of 10 s TTL, renewing", Nodes: 1,
		Mode: "sessions",
		Goals: []Goal{
			atMost(extra("sessions_lost", "lost sessions", ""), 0),
			atMost(extra("heap_bytes_per_session", "server heap per session", "bytes"), 1024),
		},
		Note: "Heap per session is what remains after garbage collections (the least of four samples per second) with the sessions, less what it was without, over the sessions. " +
			"All sessions are those of one client process on the same machine.",
		Run: runManySessions,
	}
}

func runManySessions(ctx context.Context, b *Bench) error {
	before, err := busyHeap(ctx, b)
	if err != nil {
		return err
	}
	began := time.Now()
	all, err := makeSessions(ctx, b, b.Size)
	if err != nil {
		return err
	}
	b.Extra["created_per_second"] = float64(len(all)) / time.Since(began).Seconds()
	b.Say("%d sessions after %s", len(all), time.Since(began).Round(time.Second))

	var used [2]system.Usage
	var failed [2]error
	b.Opened = func() { used[0], failed[0] = b.Cluster.Usage() }
	b.Closed = func() { used[1], failed[1] = b.Cluster.Usage() }
	b.Start(ctx)
	with, err := leastHeap(ctx, b, b.Warmup+b.Duration)
	<-b.Done()
	if err := errors.Join(append(failed[:], err)...); err != nil {
		return err
	}
	lost := 0
	for _, s := range all {
		select {
		case <-s.Lost():
			lost++
		default:
		}
	}
	b.Extra["sessions"] = float64(len(all))
	b.Extra["sessions_lost"] = float64(lost)
	b.Extra["heap_bytes_per_session"] = float64(with-before) / float64(len(all))
	b.Extra["server_cores"] = (used[1].CPU - used[0].CPU).Seconds() / b.Duration.Seconds()
	b.Extra["resident_mib"] = mib(used[1].Resident)
	return nil
}

// makeSessions makes them many at a time. They are not closed: the cluster they
// live in is thrown away.
func makeSessions(ctx context.Context, b *Bench, n int) ([]system.Session, error) {
	all := make([]system.Session, n)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range sessionMakers {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				s, err := b.Client(i).Session(ctx, manyTTL)
				if err != nil {
					return fmt.Errorf("session %d: %w", i, err)
				}
				all[i] = s
			}
		})
	}
	return all, group.Wait()
}

// busyHeap is the heap without sessions. Puts keep the garbage collectors of the
// servers at work meanwhile: an idle server keeps its garbage.
func busyHeap(ctx context.Context, b *Bench) (int64, error) {
	within := min(heapBaseWithin, b.Duration)
	part := *b
	part.Window = &measure.Window{Duration: within}
	var least int64
	var group errgroup.Group
	group.Go(func() error { return put(ctx, &part, 8, keySpace) })
	group.Go(func() (err error) {
		least, err = leastHeap(ctx, b, within)
		return err
	})
	return least, group.Wait()
}

// leastHeap samples the servers' heap for a while and returns the least, which
// is close to what a garbage collection leaves.
func leastHeap(ctx context.Context, b *Bench, d time.Duration) (int64, error) {
	tick := time.NewTicker(heapSampling)
	defer tick.Stop()
	least := int64(-1)
	for began := time.Now(); ; {
		heap, err := b.Cluster.Heap(ctx)
		if err != nil {
			return 0, err
		}
		if least < 0 || heap < least {
			least = heap
		}
		if time.Since(began) > d {
			return least, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}
