package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
)

const (
	growthSmall   = 100_000
	growthCallers = 256

	// Loading leaves a store work to do. It is over when the servers use less than
	// settledCores over settleStep; after settlePatience it is measured anyway.
	settledCores   = 0.05
	settleStep     = 2 * time.Second
	settlePatience = 2 * time.Minute
)

// growth compares many keys with few.
func growth() Workload {
	times := func(key, name string, bound float64) Goal {
		return atMost(extra(key, name, "× of 100,000 keys"), bound)
	}
	return Workload{
		Name: "growth", Title: "growth: 10 million keys against 100,000", Counted: "put", Callers: growthCallers, Nodes: 1,
		Mode: "growth",
		Goals: []Goal{
			times("put_p99_growth", "put p99", 2),
			times("get_p99_growth", "get p99", 2),
			atMost(extra("peak_mib", "peak memory", "MiB"), 1536),
			atMost(extra("ready_seconds", "restart", "s"), 10),
		},
		Note: "256 callers. Keys are loaded in transactions of 100; measured is after the servers have come to rest, for which they get two minutes (settle_seconds is what they took). The restart is an orderly stop, then the time from the start of the process until it answers a linearizable get. The peak is the larger of before and after it. ops/s and latency are of puts among all keys.",
		Run:  runGrowth,
	}
}

func runGrowth(ctx context.Context, b *Bench) error {
	large := b.Size
	if large <= growthSmall {
		return fmt.Errorf("growth needs more than %d keys", growthSmall)
	}
	if err := load(ctx, b, 0, growthSmall); err != nil {
		return err
	}
	if _, err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.both(ctx, "small", growthSmall, nil); err != nil {
		return err
	}
	began := time.Now()
	const step = 1_000_000
	for from := growthSmall; from < large; from += step {
		if err := load(ctx, b, from, min(from+step, large)); err != nil {
			return err
		}
		b.Say("%d of %d keys after %s", min(from+step, large), large, time.Since(began).Round(time.Second))
	}
	b.Extra["load_seconds"] = time.Since(began).Seconds()
	settled, err := b.settle(ctx)
	if err != nil {
		return err
	}
	b.Extra["settle_seconds"] = settled.Seconds()
	if err := b.both(ctx, "large", large, b.Window); err != nil {
		return err
	}
	for _, op := range []string{"put", "get"} {
		if small := b.Extra[op+"_small_p99_ms"]; small > 0 {
			b.Extra[op+"_p99_growth"] = b.Extra[op+"_large_p99_ms"] / small
		}
	}
	usage, err := b.Cluster.Usage()
	if err != nil {
		return err
	}
	took, err := b.Cluster.Restart(ctx)
	if err != nil {
		return err
	}
	after, err := b.Cluster.Usage()
	if err != nil {
		return err
	}
	b.Extra["keys"] = float64(large)
	b.Extra["peak_mib"] = mib(max(usage.Peak, after.Peak))
	b.Extra["ready_seconds"] = took.Seconds()
	return read(ctx, b.Client(0), key(large-1))
}

// settle waits until the servers have come to rest, and tells how long that took.
func (b *Bench) settle(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	before, err := b.Cluster.Usage()
	if err != nil {
		return 0, err
	}
	tick := time.NewTicker(settleStep)
	defer tick.Stop()
	for time.Since(began) < settlePatience {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		now, err := b.Cluster.Usage()
		if err != nil {
			return 0, err
		}
		if (now.CPU - before.CPU).Seconds() < settledCores*settleStep.Seconds() {
			break
		}
		before = now
	}
	return time.Since(began), nil
}

// both measures gets and puts among so many keys. The puts are measured in a
// window of the caller's, if there is one.
func (b *Bench) both(ctx context.Context, name string, keys int, main *measure.Window) error {
	for _, op := range []struct {
		name   string
		run    func(context.Context, *Bench, int, int) error
		window *measure.Window
	}{{"get", get, nil}, {"put", put, main}} {
		part := *b
		if part.Window = op.window; op.window == nil {
			part.Window = &measure.Window{Warmup: b.Warmup, Duration: b.Duration}
		}
		if err := op.run(ctx, &part, growthCallers, keys); err != nil {
			return err
		}
		r := part.Result()
		if r.Errors > 0 && op.window == nil {
			return fmt.Errorf("%s among %d keys: %d errors, the first: %s", op.name, keys, r.Errors, r.FirstError)
		}
		b.Extra[op.name+"_"+name+"_per_second"] = r.Rate
		b.Extra[op.name+"_"+name+"_p99_ms"] = r.P99
	}
	return nil
}
