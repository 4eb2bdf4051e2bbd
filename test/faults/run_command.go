package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/run"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// runFlags are those of the commands that do runs.
type runFlags struct {
	out, dir, work, binary, previous string
	quiet                            bool
}

func (f *runFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.out, "out", "runs", "directory that gets a directory for each run")
	cmd.Flags().StringVar(&f.dir, "dir", "", "directory for the one run, instead of one below --out")
	cmd.Flags().StringVar(&f.work, "work", "", "directory for the nodes' data, on a real disk (default below --out)")
	cmd.Flags().StringVar(&f.binary, "binary", "", "the conclave to run (default: built from this source)")
	cmd.Flags().StringVar(&f.previous, "previous", "", "the conclave before it, for upgrades (default: built from the commit before)")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "do not tell each injection")
}

func runCommand() *cobra.Command {
	var flags runFlags
	var s spec.Spec
	var files []string
	var each bool
	var least totals
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Do a run, or one for each of several faults",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			specs, err := specsOf(s, files, each)
			if err != nil {
				return err
			}
			return doAll(cmd.Context(), specs, flags, least)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringSliceVar(&files, "spec", nil, "YAML files with a spec each, instead of the flags below")
	cmd.Flags().Int64Var(&least.operations, "at-least-operations", 0, "fail unless all runs together checked so many")
	cmd.Flags().IntVar(&least.injections, "at-least-injections", 0, "fail unless all runs together had so many")
	cmd.Flags().StringVar(&s.Fault, "fault", "all", "ids, names or families of faults, with commas; all; none")
	cmd.Flags().BoolVar(&each, "each", false, "one run for each fault, not one in which they take turns")
	cmd.Flags().Uint64Var(&s.Seed, "seed", uint64(time.Now().Unix()), "decides the schedule, the targets and what clients do")
	cmd.Flags().IntVar(&s.Nodes, "nodes", 3, "3 or 5")
	cmd.Flags().DurationVar(&s.Duration, "duration", 30*time.Second, "how long there are faults")
	cmd.Flags().IntVar(&s.Injections, "injections", 0, "end earlier, after so many")
	cmd.Flags().StringSliceVar(&s.Workloads, "workloads", nil, "names (default: all)")
	cmd.Flags().Float64Var(&s.Rate, "rate", 1, "multiplies what the clients do")
	cmd.Flags().DurationVar(&s.Every, "every", 0, "time between injections (default: the fault's own)")
	cmd.Flags().DurationVar(&s.Hold, "hold", 0, "how long an injection lasts (default: the fault's own)")
	return cmd
}

// specsOf are the runs that the flags ask for.
func specsOf(s spec.Spec, files []string, each bool) ([]spec.Spec, error) {
	var specs []spec.Spec
	for _, file := range files {
		s, err := spec.Read(file)
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	if len(specs) > 0 {
		return specs, nil
	}
	s, err := s.Complete()
	if err != nil || !each {
		return []spec.Spec{s}, err
	}
	faults, err := s.Faults()
	for _, f := range faults {
		one := s
		one.Fault = f.ID
		specs = append(specs, one)
	}
	return specs, err
}

// totals are what all runs did together.
type totals struct {
	operations int64
	injections int
}

// doAll does runs one after the other and tells each.
func doAll(ctx context.Context, specs []spec.Spec, flags runFlags, least totals) error {
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
		if err != nil {
			return err
		}
		tell(result, dir)
		found = found || result.Verdict != report.Passed
		done.operations, done.injections = done.operations+result.Operations(), done.injections+result.Injections
	}
	if len(specs) > 1 {
		fmt.Printf("in all: %d runs, %d injections, %d operations checked\n", len(specs), done.injections, done.operations)
	}
	if done.operations < least.operations || done.injections < least.injections {
		return fmt.Errorf("%d operations and %d injections prove too little: %d and %d are wanted",
			done.operations, done.injections, least.operations, least.injections)
	}
	if found {
		return errFound
	}
	return nil
}

// name is what a run's directory is called after.
func name(s spec.Spec) string {
	if _, ok := fault.Find(s.Fault); ok || len(s.Fault) <= 12 {
		return s.Fault
	}
	return "mixed"
}

func do(ctx context.Context, s spec.Spec, dir string, flags runFlags, schedule []spec.Injection) (*report.Result, error) {
	work := flags.work
	if work == "" {
		work = dir
	}
	opt := run.Options{
		Binary: flags.binary, Previous: flags.previous, Out: dir, Work: filepath.Join(work, "nodes"),
		Schedule: schedule, Commit: commit(),
	}
	if !flags.quiet {
		opt.Log = os.Stderr
	}
	return run.Do(ctx, s, opt)
}

// tell says in a few lines what came of a run.
func tell(r *report.Result, dir string) {
	fmt.Printf("%-12s %s in %v: %d injections, %d operations checked; recovery p99 %v, outage p50 %v p99 %v (%d)  %s\n",
		r.Verdict, r.Spec.Fault, r.Took.Round(time.Second), r.Injections, r.Operations(),
		r.Recovery.P99, r.Outage.P50, r.Outage.P99, r.Outage.Count, dir)
	for _, failure := range r.Failures {
		fmt.Println("    " + failure)
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
