package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/run"
	"github.com/conclavehq/conclave/test/faults/spec"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check RUN...",
		Short: "Judge the histories of old runs again",
		Args:  atLeastOne,
		RunE: func(_ *cobra.Command, dirs []string) error {
			return checkAll(dirs)
		},
	}
}

// checkAll judges one run after the other. One that cannot be judged does not keep the
// others from it.
func checkAll(dirs []string) error {
	found := false
	var failed error
	for _, dir := range dirs {
		result, err := checkOne(dir)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		tell(result, dir)
		found = found || result.Verdict != report.Passed
	}
	if found && failed != nil {
		fmt.Println(failed)
	}
	if found {
		return errFound
	}
	return failed
}

func checkOne(dir string) (*report.Result, error) {
	result, err := report.Read(filepath.Join(dir, run.ResultFile))
	if err != nil {
		return nil, err
	}
	var failed error
	if len(result.Failures) > 0 {
		failed = errors.New(result.Failures[0])
	}
	err = run.Judge(dir, result, failed)
	return result, ended(result, dir, err)
}

func replayCommand() *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "replay RUN",
		Short: "Do a run once more, with its spec and its schedule",
		Args:  between(1, 1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			s, err := spec.Read(filepath.Join(dirs[0], run.SpecFile))
			if err != nil {
				return err
			}
			schedule, err := spec.ReadSchedule(filepath.Join(dirs[0], run.ScheduleFile))
			if err != nil {
				return err
			}
			return replay(cmd.Context(), s, schedule, dirs[0], flags, do)
		},
	}
	flags.register(cmd)
	out := cmd.Flags().Lookup("out")
	out.DefValue, out.Usage, flags.out = "", out.Usage+" (default: beside RUN)", ""
	return cmd
}

// replay does a run once more, beside the old one if no flag says where.
func replay(ctx context.Context, s spec.Spec, schedule []spec.Injection, old string, flags runFlags, do doer) error {
	old, err := filepath.Abs(old)
	if err != nil {
		return err
	}
	flags.out = cmp.Or(flags.out, filepath.Dir(old))
	if err = flags.fits(1); err != nil {
		return err
	}
	if err = flags.build(ctx, []spec.Spec{s}); err != nil {
		return err
	}
	again := fmt.Sprintf("%s-again-%s", filepath.Base(old), time.Now().UTC().Format("150405"))
	dir := cmp.Or(flags.dir, filepath.Join(flags.out, again))
	result, err := do(ctx, s, dir, flags, schedule)
	if err = ended(result, dir, err); err != nil {
		return err
	}
	tell(result, dir)
	if result.Verdict != report.Passed {
		return errFound
	}
	return nil
}

func gridCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "grid RUN... [SEARCH.yaml...]",
		Short: "Write a table of what came of runs",
		Args:  atLeastOne,
		RunE:  func(_ *cobra.Command, paths []string) error { return table(os.Stdout, paths) },
	}
}

// table writes what came of runs and of searches. What cannot be read does not keep the
// others from it.
func table(to io.Writer, paths []string) error {
	var results []*report.Result
	var searches []*report.Search
	var failed error
	for _, path := range paths {
		if filepath.Ext(path) == ".yaml" {
			s, err := report.ReadSearch(path)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			searches = append(searches, s)
			continue
		}
		r, err := report.Read(filepath.Join(path, run.ResultFile))
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		results = append(results, r)
	}
	if len(results) == 0 && len(searches) == 0 {
		return failed
	}
	return errors.Join(report.Scorecard(to, results), report.Searches(to, searches), failed)
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Tell the faults and the workloads",
		Args:  none,
		Run: func(*cobra.Command, []string) {
			for _, f := range fault.All {
				fmt.Printf("%s  %-14s %-8s %s\n", f.ID, f.Name, f.Family, f.What)
			}
			fmt.Printf("\nall   every one of them, in turns\n%-5s no fault\n", spec.None)
			fmt.Print("\nworkloads:")
			for _, w := range history.Workloads {
				fmt.Print(" ", w)
			}
			fmt.Println()
		},
	}
}
