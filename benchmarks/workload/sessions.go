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
	manyTTL       = 10 * time.Second
	sessionMakers = 256
	// heapSamples are taken of the servers' heap, before the sessions within
	// heapWithin, after putsWithin of puts.
	heapSamples = 5
	heapWithin  = 2 * time.Second
	putsWithin  = 15 * time.Second
)

// manySessions live beside each other, renewing themselves.
func manySessions() Workload {
	return Workload{
		Name: "sessions", Title: "100,000 live sessions of 10 s TTL, renewing", Nodes: 1,
		Mode: "sessions", Profiled: true,
		Goals: []Goal{
			atMost(extra("sessions_lost", "lost sessions", ""), 0),
			atMost(extra("heap_bytes_per_session", "server heap per session", "bytes"), 1024),
		},
		Note: "Heap per session is what the server needs with the sessions, less what it needed before them, over the sessions. " +
			"Each of the two is the least of five samples; for a sample, the server runs a full garbage collection (/debug/pprof/heap?gc=1) and is asked for go_memstats_heap_alloc_bytes right after. " +
			"So garbage between collections is not in it (resident memory has it), but what is allocated while a collection runs is. " +
			"The samples before the sessions are of a server that has taken puts and is quiet; the first one with them follows their creation at once. " +
			"The heap of Conclave has its store's write buffers and block cache in it, which grow with what is written to a fixed size, however many sessions there are: hence the least; the most is shown, too. " +
			"To be asked, etcd runs with --enable-pprof, which also samples one in five waits for a lock, and Conclave with --listen-debug-url. " +
			"All sessions are those of one client process on the same machine.",
		Run: runManySessions,
	}
}

func runManySessions(ctx context.Context, b *Bench) error {
	before, _, err := heapBefore(ctx, b)
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
	with, most, err := liveHeap(ctx, b, b.Warmup+b.Duration)
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
	b.Extra["heap_before_mib"] = mib(before)
	b.Extra["heap_with_mib"], b.Extra["heap_with_most_mib"] = mib(with), mib(most)
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

// heapBefore is the heap without sessions. Puts come first, so that what a server
// keeps because it has work to do, such as buffers and caches, is in it already.
func heapBefore(ctx context.Context, b *Bench) (least, most int64, err error) {
	part := *b
	part.Window = &measure.Window{Duration: min(putsWithin, b.Duration)}
	if err := put(ctx, &part, 8, keySpace); err != nil {
		return 0, 0, err
	}
	return liveHeap(ctx, b, heapWithin)
}

// liveHeap is the least and the most of some samples of the servers' live heap,
// taken over a while.
func liveHeap(ctx context.Context, b *Bench, d time.Duration) (least, most int64, err error) {
	tick := time.NewTicker(d / heapSamples)
	defer tick.Stop()
	for i := range heapSamples {
		heap, err := b.Cluster.LiveHeap(ctx)
		if err != nil {
			return 0, 0, err
		}
		if i == 0 {
			least = heap
		}
		least, most = min(least, heap), max(most, heap)
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-tick.C:
		}
	}
	return least, most, nil
}
