package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
)

const (
	watchers     = 1000
	watchPrefix  = "w"
	watchPutRate = 100
	watchPutters = 16
	watchKeys    = 100
	// settleWithin bounds how long the last watcher may be behind.
	settleWithin = 30 * time.Second
)

var errWatcherBehind = fmt.Errorf("a watcher had not seen the last write %s after it", settleWithin)

// watches: one prefix, many watchers.
func watches() []Workload {
	return []Workload{
		{
			Name: "watch-delay", Title: "watch: 100 puts/s seen by 1,000 watchers, delay", Counted: "event", Callers: watchers, Nodes: 1,
			Goals: []Goal{ratioUpTo(P99, 0.5)},
			Note:  "Latency is from when a put is due until a watcher has the event. All watchers and writers share one process and one client.",
			Run:   func(ctx context.Context, b *Bench) error { return fanOut(ctx, b, watchers, steadyPuts, true) },
		},
		{
			Name: "watch-saturation", Title: "watch: events delivered to 1,000 watchers, 16 writers at full speed", Counted: "event", Callers: watchers, Nodes: 1,
			Goals: []Goal{ratioOf(Rate, 3)},
			Note:  "Latency grows with the backlog, so only the number of delivered events says something.",
			Run:   func(ctx context.Context, b *Bench) error { return fanOut(ctx, b, watchers, busyPuts, false) },
		},
	}
}

// fanOut has watchers follow what write does. When settle is true, every watcher
// has to see the last write in the end.
func fanOut(ctx context.Context, b *Bench, n int, write func(context.Context, *Bench, time.Time), settle bool) error {
	from, err := b.Client(0).Put(ctx, watchPrefix, queueBody(0, newInput(0)))
	if err != nil {
		return err
	}
	var (
		since        = time.Now()
		watching     sync.WaitGroup
		ready, ended atomic.Int64
		watch, stop  = context.WithCancel(ctx)
	)
	for i := range n {
		lane := b.Lane()
		watching.Go(func() {
			first := true
			b.Fail(b.Client(i).Watch(watch, watchPrefix, from, func(value string) {
				if first {
					first = false
					ready.Add(1)
					return
				}
				switch at, isPut := queuedAt(value); {
				case isPut:
					seen(b.Window, lane, time.Since(since)-at)
				default:
					ended.Add(1)
				}
			}))
		})
	}
	defer watching.Wait()
	defer stop()
	if !reached(ctx, &ready, n) {
		return errors.New("the watchers did not begin")
	}
	b.Start(ctx)
	write(ctx, b, since)
	<-b.Done()
	if _, err := b.Client(0).Put(ctx, watchPrefix, lastJob); err != nil {
		return err
	}
	if settle && !reached(ctx, &ended, n) {
		return errWatcherBehind
	}
	return nil
}

func seen(w *measure.Window, lane *measure.Lane, delay time.Duration) {
	if w.Measuring() {
		lane.Done(delay)
	}
}

// reached waits until a counter has come to n.
func reached(ctx context.Context, counter *atomic.Int64, n int) bool {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for counter.Load() < int64(n) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// steadyPuts writes at a fixed rate, whether earlier writes are done or not.
func steadyPuts(ctx context.Context, b *Bench, since time.Time) {
	var writing sync.WaitGroup
	defer writing.Wait()
	tick := time.NewTicker(time.Second / watchPutRate)
	defer tick.Stop()
	in := newInput(0)
	for {
		select {
		case <-b.Done():
			return
		case due := <-tick.C:
			at, body := watchPrefix+in.key(watchKeys)[1:], queueBody(due.Sub(since), in)
			writing.Go(func() {
				_, err := b.Client(0).Put(ctx, at, body)
				b.Fail(err)
			})
		}
	}
}

// busyPuts writes as fast as a few callers can.
func busyPuts(ctx context.Context, b *Bench, since time.Time) {
	var writing sync.WaitGroup
	defer writing.Wait()
	for caller := range watchPutters {
		client, in := b.Client(caller), newInput(caller)
		writing.Go(func() {
			for !b.Over() {
				_, err := client.Put(ctx, watchPrefix+in.key(watchKeys)[1:], queueBody(time.Since(since), in))
				b.Fail(err)
			}
		})
	}
}
