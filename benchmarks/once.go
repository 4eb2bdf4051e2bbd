package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/system"
	"github.com/conclavehq/conclave/benchmarks/workload"
)

// A run may take so much longer than it measures: to start, load and settle.
const (
	slack     = 3 * time.Minute
	longSlack = 2 * time.Hour
)

// once runs one workload on one system, in a cluster of its own.
func (s *stage) once(ctx context.Context, w workload.Workload, sys system.System) (r measure.Result, err error) {
	extra := slack
	if w.Mode != "" {
		extra = longSlack
	}
	ctx, cancel := context.WithTimeout(ctx, s.warmup+s.duration+extra)
	defer cancel()

	dir, err := os.MkdirTemp(s.dir, w.Name+"-"+sys.Name()+"-")
	if err != nil {
		return r, err
	}
	if !s.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if w.EtcdClient && sys == (system.Conclave{}) {
		sys = system.ConclaveAsEtcd{}
	}
	cluster, err := system.Start(ctx, sys, s.binaries[sys.Name()], dir, w.Nodes, w.Profiled)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	b := &workload.Bench{
		Window:  &measure.Window{Warmup: s.warmup, Duration: s.duration},
		Cluster: cluster, Dir: dir, Size: s.count, Extra: make(map[string]float64),
		Say: func(format string, args ...any) {
			fmt.Printf("  "+w.Name+" "+sys.Name()+": "+format+"\n", args...)
		},
	}
	for range s.clients {
		c, err := cluster.Dial(ctx)
		if err != nil {
			return r, err
		}
		defer c.Close() // its answer says nothing about what was measured
		b.Clients = append(b.Clients, c)
	}
	return s.measured(ctx, w, b)
}

// measured runs the workload and adds to its figures what the processes used.
func (s *stage) measured(ctx context.Context, w workload.Workload, b *workload.Bench) (measure.Result, error) {
	var before, after [2]system.Usage
	var failed error
	sample := func(into *[2]system.Usage) func() {
		return func() {
			servers, err1 := b.Cluster.Usage()
			self, err2 := system.ProcessUsage(os.Getpid())
			*into = [2]system.Usage{servers, self}
			failed = errors.Join(failed, err1, err2)
		}
	}
	b.Opened, b.Closed = sample(&before), sample(&after)
	if err := w.Run(ctx, b); err != nil {
		return measure.Result{}, err
	}
	r := b.Result()
	end, err := b.Cluster.Usage()
	if err := errors.Join(failed, err); err != nil {
		return r, err
	}
	if n := float64(b.Operations()); n > 0 {
		r.CPU = (after[0].CPU - before[0].CPU).Seconds() / n * 10_000
		r.ClientCPU = (after[1].CPU - before[1].CPU).Seconds() / n * 10_000
	}
	// A workload may have restarted the servers since the window.
	r.Memory = float64(max(end.Peak, after[0].Peak)) / (1 << 20)
	for name, v := range b.Extra {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(b.Extra, name)
		}
	}
	r.Extra = b.Extra
	return r, nil
}
