package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/run"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// doer does one run; see do.
type doer func(ctx context.Context, s spec.Spec, dir string, flags runFlags, schedule []spec.Injection) (*report.Result, error)

// doAll does runs one after the other and tells each.
func doAll(ctx context.Context, specs []spec.Spec, flags runFlags, least totals, do doer) error {
	if err := flags.fits(len(specs)); err != nil {
		return err
	}
	if err := flags.build(ctx, specs); err != nil {
		return err
	}
	found := false
	var done totals
	for _, s := range specs {
		dir := filepath.Join(flags.out, fmt.Sprintf("%s-%d-%s", name(s), s.Seed, time.Now().UTC().Format("0102T150405")))
		if flags.dir != "" {
			dir = flags.dir
		}
		result, err := do(ctx, s, dir, flags, nil)
		if err = ended(result, dir, err); err != nil {
			return err
		}
		tell(result, dir)
		found = found || result.Verdict != report.Passed
		done.add(result)
	}
	if len(specs) > 1 {
		fmt.Printf("in all: %d runs, %d injections, %d operations checked\n", len(specs), done.injections, done.operations)
	}
	few := done.prove(least, specs)
	if found && few != nil {
		fmt.Println(few)
	}
	if found {
		return errFound
	}
	return few
}

// ended is why a run has no verdict that counts: there is no result, or the user has
// ended it.
func ended(r *report.Result, dir string, err error) error {
	if err == nil && r.Verdict == report.Interrupted {
		return fmt.Errorf("%s: %s", dir, r.Unjudged)
	}
	return err
}

// name is what a run's directory is called after.
func name(s spec.Spec) string {
	if _, ok := fault.Find(s.Fault); ok || len(s.Fault) <= 12 {
		return s.Fault
	}
	return "mixed"
}

func do(ctx context.Context, s spec.Spec, dir string, flags runFlags, schedule []spec.Injection) (*report.Result, error) {
	opt := run.Options{
		Binary: flags.binary, Previous: flags.previous, Out: dir, Work: workOf(flags, dir),
		Schedule: schedule, Commit: commit(),
	}
	if !flags.quiet {
		opt.Log = os.Stderr
	}
	result, err := run.Do(ctx, s, opt)
	if flags.work != "" {
		_ = os.Remove(filepath.Dir(opt.Work)) // stays when the run has left its data
	}
	return result, err
}

// workOf is where the data of one run goes: what a failed one leaves there must not be
// what the next one begins with.
func workOf(flags runFlags, dir string) string {
	if flags.work == "" {
		return filepath.Join(dir, "nodes")
	}
	return filepath.Join(flags.work, filepath.Base(dir), "nodes")
}

// tell says in a few lines what came of a run.
func tell(r *report.Result, dir string) {
	fmt.Printf("%-12s %s in %v: %d injections, %d operations checked; recovery p99 %v, outage p50 %v p99 %v (%d)  %s\n",
		r.Verdict, r.Spec.Fault, r.Took.Round(time.Second), r.Injections, r.Operations(),
		r.Recovery.P99, r.Outage.P50, r.Outage.P99, r.Outage.Count, dir)
	for _, failure := range r.Failures {
		fmt.Println("    " + failure)
	}
	if r.Unjudged != "" {
		fmt.Println("    " + r.Unjudged)
	}
	for _, idle := range r.Idle {
		fmt.Println("    " + idle)
	}
	for _, c := range r.Cells {
		for _, proof := range c.Proof {
			fmt.Printf("    %s: %s\n", c.Workload, proof)
		}
	}
	if r.Verdict != report.Passed {
		fmt.Println("    again: " + r.Spec.Command())
	}
}
