package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

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

// fits says why so many runs cannot have the directory that --dir names.
func (f *runFlags) fits(runs int) error {
	if f.dir == "" {
		return nil
	}
	if runs != 1 {
		return fmt.Errorf("--dir is for one run, and these are %d; --out gets a directory for each", runs)
	}
	return run.Fresh(f.dir)
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
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := unclear(cmd.Flags(), s, files); err != nil {
				return err
			}
			specs, err := specsOf(s, files, each)
			if err != nil {
				return err
			}
			return doAll(cmd.Context(), specs, flags, least, do)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringSliceVar(&files, "spec", nil, "YAML files with a spec each, instead of --fault and the flags that go with it")
	cmd.Flags().Int64Var(&least.operations, "at-least-operations", 0, "fail unless all runs together checked so many")
	cmd.Flags().IntVar(&least.injections, "at-least-injections", 0, "fail unless all runs together had so many")
	cmd.Flags().StringVar(&s.Fault, "fault", "all", "ids, names or families of faults, with commas; all; none")
	cmd.Flags().BoolVar(&each, "each", false, "one run for each fault, not one in which they take turns")
	cmd.Flags().Uint64Var(&s.Seed, "seed", uint64(time.Now().Unix()), "decides the schedule, the targets and what clients do")
	cmd.Flags().IntVar(&s.Nodes, "nodes", 3, "1 to 7")
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
	if err == nil && len(faults) == 0 {
		err = errors.New("there is no run for each of no faults")
	}
	for _, f := range faults {
		one := s
		one.Fault = f.ID
		specs = append(specs, one)
	}
	return specs, err
}
