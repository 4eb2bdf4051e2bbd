package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// harm does the injections, until the time of the run is over.
func (r *run) harm(ctx context.Context) error {
	until := time.Now().Add(r.spec.Duration)
	if len(r.opt.Schedule) == 0 {
		return sleep(ctx, r.spec.Duration)
	}
	taken := fault.NewTaken((r.spec.Nodes - 1) / 2)
	for i, injection := range r.opt.Schedule {
		if time.Now().Add(injection.After).After(until) {
			break
		}
		if err := sleep(ctx, injection.After); err != nil {
			return err
		}
		if err := r.inject(ctx, i, injection, taken); err != nil {
			return fmt.Errorf("injection %d: %w", i, err)
		}
	}
	if r.spec.Injections > 0 {
		return nil
	}
	return sleep(ctx, time.Until(until))
}

func (r *run) inject(ctx context.Context, i int, injection spec.Injection, taken *fault.Taken) error {
	f, ok := fault.Find(injection.Fault)
	if !ok {
		return fmt.Errorf("there is no fault %q", injection.Fault)
	}
	scene := &fault.Scene{
		ID: f.ID, Cluster: r.cluster, Client: r.client, History: r.history, Taken: taken,
		Rand: rand.New(rand.NewPCG(injection.Seed, uint64(i))), Hold: injection.Hold,
		Binary: r.opt.Binary, Previous: r.opt.Previous, Dir: r.opt.Work,
	}
	began := time.Now()
	err := f.Inject(ctx, scene)
	n := scene.End()
	r.turns = append(r.turns, turn{fault: f, target: scene.Target(), from: began, to: time.Now()})
	if n == 0 {
		r.vain[f.ID]++
	} else {
		r.done[f.ID] += n
		_, _ = fmt.Fprintf(r.opt.Log, "%8s  %s %-3d %s, %v\n", time.Since(r.began).Round(100*time.Millisecond),
			f.ID, r.done[f.ID], scene.Target(), time.Since(began).Round(10*time.Millisecond))
	}
	if fault.IsNothing(err) {
		return nil
	}
	return err
}
