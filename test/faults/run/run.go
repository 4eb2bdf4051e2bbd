// Package run does one run of the harness: it starts a cluster, puts the workloads
// on it, the faults of the schedule into it, lets all of it come to rest and has the
// checkers judge what the clients saw.
//
// A run has three parts, after TigerBeetle's VOPR: while there are faults, nothing
// may be wrong; then everything is healed, and the cluster has to be whole again
// within a bound; then what is there is compared with what was acknowledged.
package run

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/spec"
	"github.com/conclavehq/conclave/test/faults/workload"
)

const (
	// warmUp is how long the clients work before the first fault.
	warmUp = 2 * time.Second
	// rest is how long the cluster may take to be whole, and the clients to finish.
	rest = 90 * time.Second
)

// Options say where a run happens and with what.
type Options struct {
	// Binary is the program under test, Previous the one before it, or "".
	Binary, Previous string
	// Out gets the spec, the schedule, the history, the result and the logs.
	Out string
	// Work is for the data of the nodes, and on a real disk. It is removed unless
	// the run failed.
	Work string
	// Schedule replaces that of the spec, to replay a run.
	Schedule []spec.Injection
	// Log gets a line for each injection; nil for none.
	Log io.Writer
	// Commit is of the source that Binary was built from.
	Commit string
}

// Files of a run's directory.
const (
	SpecFile     = "spec.yaml"
	ScheduleFile = "schedule.yaml"
	HistoryFile  = "history"
	ResultFile   = "result.yaml"
)

// Do does a run. The error says why there is no result; what went wrong in the run
// itself is in the result.
func Do(ctx context.Context, s spec.Spec, opt Options) (*report.Result, error) {
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	if opt.Schedule == nil {
		opt.Schedule = s.Schedule()
	}
	faults, err := s.Faults()
	if err != nil {
		return nil, err
	}
	if err := rig.Capable(needs(faults)...); err != nil {
		return nil, err
	}
	if err := prepare(s, opt); err != nil {
		return nil, err
	}
	r := &run{spec: s, opt: opt, faults: faults, began: time.Now(), done: map[string]int{}, vain: map[string]int{}}
	failed := r.all(ctx)
	if r.history != nil {
		err = r.history.Close()
	} else if !errors.Is(failed, errInterrupted) {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	result, err := r.judge(failed)
	if err == nil && result.Verdict == report.Passed {
		err = os.RemoveAll(opt.Work)
	}
	return result, err
}

// needs is what the machine has to be capable of for some faults.
func needs(faults []fault.Fault) []rig.Capability {
	all := []rig.Capability{rig.Networks}
	for _, f := range faults {
		if f.Disks {
			all = append(all, rig.Disks)
		}
		all = append(all, f.Needs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// run is a run that goes on. Its fields are for the one goroutine of Do.
type run struct {
	spec    spec.Spec
	opt     Options
	faults  []fault.Fault
	began   time.Time
	cluster *rig.Cluster
	client  *conclave.Client
	history *history.Writer
	load    *workload.Load
	done    map[string]int // injections by fault
	vain    map[string]int // turns without harm by fault
	turns   []turn
}

// errInterrupted says that the context of the run ended before the run did.
var errInterrupted = errors.New("interrupted")

// all does everything up to the judgement.
func (r *run) all(ctx context.Context) (failed error) {
	defer func() {
		if failed != nil && ctx.Err() != nil {
			failed = errInterrupted // whatever was under way, and has failed of it
		}
		failed = errors.Join(failed, r.end())
	}()
	if err := r.start(ctx); err != nil {
		return err
	}
	if err := r.harm(ctx); err != nil {
		return err
	}
	return r.settle(ctx)
}

func (r *run) start(ctx context.Context) (err error) {
	if r.cluster, err = rig.Start(ctx, r.rig()); err != nil {
		return err
	}
	var endpoints, etcd []string
	for _, n := range r.cluster.Nodes() {
		endpoints, etcd = append(endpoints, n.ClientURL()), append(etcd, n.EtcdURL())
	}
	if r.client, err = conclave.Dial(ctx, endpoints, conclave.WithoutPipeline()); err != nil {
		return err
	}
	if _, err = r.client.CreateNamespace(ctx, fault.Aside); err != nil {
		return err
	}
	if r.history, err = history.Create(filepath.Join(r.opt.Out, HistoryFile)); err != nil {
		return err
	}
	only, err := r.spec.Only()
	if err != nil {
		return err
	}
	r.load, err = workload.Start(ctx, workload.Config{
		Endpoints: endpoints, EtcdEndpoints: etcd, History: r.history,
		Seed: r.spec.Seed, Only: only, Rate: r.spec.Rate,
	})
	if err != nil {
		return err
	}
	return sleep(ctx, warmUp)
}

// rig is what the faults need of the cluster.
func (r *run) rig() rig.Config {
	cfg := rig.Config{
		Binary: r.opt.Binary, Dir: r.opt.Work, Nodes: r.spec.Nodes, Seed: r.spec.Seed, Log: r.opt.Log,
		Flags: []string{"--snapshot-count", "2000"},
	}
	for _, f := range r.faults {
		cfg.Disks = cfg.Disks || f.Disks
		cfg.DiskBytes = max(cfg.DiskBytes, f.DiskBytes)
		cfg.Flags = append(cfg.Flags, f.Flags...)
	}
	if cfg.Disks && cfg.DiskBytes == 0 {
		cfg.DiskBytes = 1 << 30 // sparse; less is no room by the product's own standard
	}
	cfg.Flags = append(cfg.Flags, r.spec.Flags...)
	return cfg
}

func sleep(ctx context.Context, d time.Duration) error {
	nap.Take(ctx, d)
	return ctx.Err()
}
