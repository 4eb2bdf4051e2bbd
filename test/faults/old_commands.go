package main

import (
	"errors"
	"fmt"
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
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, dirs []string) error {
			found := false
			for _, dir := range dirs {
				result, err := report.Read(filepath.Join(dir, run.ResultFile))
				if err != nil {
					return err
				}
				var failed error
				if len(result.Failures) > 0 {
					failed = fmt.Errorf("%s", result.Failures[0])
				}
				if err = run.Judge(dir, result, failed); err != nil {
					return err
				}
				tell(result, dir)
				found = found || result.Verdict != report.Passed
			}
			if found {
				return errFound
			}
			return nil
		},
	}
}

func replayCommand() *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "replay RUN",
		Short: "Do a run once more, with its spec and its schedule",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			s, err := spec.Read(filepath.Join(dirs[0], run.SpecFile))
			if err != nil {
				return err
			}
			text, err := os.ReadFile(filepath.Join(dirs[0], run.ScheduleFile))
			if err != nil {
				return err
			}
			var schedule []spec.Injection
			if err = spec.Decode(text, &schedule); err != nil {
				return err
			}
			if err = flags.build(cmd.Context(), []spec.Spec{s}); err != nil {
				return err
			}
			dir := fmt.Sprintf("%s-again-%s", filepath.Clean(dirs[0]), time.Now().UTC().Format("150405"))
			result, err := do(cmd.Context(), s, dir, flags, schedule)
			if err != nil {
				return err
			}
			tell(result, dir)
			if result.Verdict != report.Passed {
				return errFound
			}
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

func gridCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "grid RUN... [SEARCH.yaml...]",
		Short: "Write a table of what came of runs",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, dirs []string) error {
			var results []*report.Result
			var searches []*report.Search
			for _, dir := range dirs {
				if filepath.Ext(dir) == ".yaml" {
					s, err := report.ReadSearch(dir)
					if err != nil {
						return err
					}
					searches = append(searches, s)
					continue
				}
				r, err := report.Read(filepath.Join(dir, run.ResultFile))
				if err != nil {
					return err
				}
				results = append(results, r)
			}
			return errors.Join(report.Scorecard(os.Stdout, results), report.Searches(os.Stdout, searches))
		},
	}
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Tell the faults and the workloads",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			for _, f := range fault.All {
				fmt.Printf("%s  %-14s %-8s %s\n", f.ID, f.Name, f.Family, f.What)
			}
			fmt.Print("\nworkloads:")
			for _, w := range history.Workloads {
				fmt.Print(" ", w)
			}
			fmt.Println()
		},
	}
}
