package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/planted"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/run"
)

// search looks for planted bugs.
type search struct {
	flags    runFlags
	only     []string
	limit    time.Duration
	duration time.Duration
	rate     float64
}

func plantedCommand() *cobra.Command {
	var s search
	cmd := &cobra.Command{
		Use:   "planted",
		Short: "Build each planted bug into the product and see how long it takes until it is found",
		Long: `Builds the product, and the clients of the harness, with one of the bugs of
internal/planted at a time, and does runs of the fault that should show it, with one seed
after the other, until a checker finds something, the nodes do not come back, or the
time is over. A run that the harness could not do finds nothing.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.all(cmd.Context()) },
	}
	s.flags.register(cmd)
	cmd.Flags().StringSliceVar(&s.only, "only", nil, "tags of the bugs to look for (default: all)")
	cmd.Flags().DurationVar(&s.limit, "limit", 15*time.Minute, "how long to look for each")
	cmd.Flags().DurationVar(&s.duration, "duration", 20*time.Second, "how long there are faults in each run")
	cmd.Flags().Float64Var(&s.rate, "rate", 1, "multiplies what the clients do")
	return cmd
}

func (s *search) all(ctx context.Context) error {
	var err error
	if s.flags.out, err = filepath.Abs(s.flags.out); err != nil {
		return err
	}
	plants, err := chosen(s.only)
	if err != nil {
		return err
	}
	missed := false
	for _, plant := range plants {
		found, err := s.one(ctx, plant)
		if err != nil {
			return fmt.Errorf("%s: %w", plant.Tag, err)
		}
		fmt.Println(found)
		missed = missed || found.Took == 0
		if err = found.Write(filepath.Join(s.flags.out, plant.Tag+".yaml")); err != nil {
			return err
		}
	}
	if missed {
		return errFound
	}
	return nil
}

// chosen are the plants with some tags; all without a tag.
func chosen(tags []string) ([]planted.Plant, error) {
	var plants []planted.Plant
	for _, plant := range planted.All {
		if len(tags) == 0 || slices.Contains(tags, plant.Tag) {
			plants = append(plants, plant)
		}
	}
	for _, tag := range tags {
		if !slices.ContainsFunc(plants, func(p planted.Plant) bool { return p.Tag == tag }) {
			return nil, fmt.Errorf("there is no planted bug %q", tag)
		}
	}
	return plants, nil
}

// one looks for one bug. The clients are built with it, too: some bugs are theirs.
func (s *search) one(ctx context.Context, plant planted.Plant) (*report.Search, error) {
	dir := filepath.Join(s.flags.out, plant.Tag)
	binary, err := build(ctx, ".", filepath.Join(dir, "conclave"), "./cmd/conclave", plant.Tag)
	if err != nil {
		return nil, err
	}
	harness, err := build(ctx, ".", filepath.Join(dir, "faults"), "./test/faults", plant.Tag)
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = os.Remove(binary), os.Remove(harness) }()
	result := &report.Search{
		Tag: plant.Tag, Name: plant.Name, Fault: plant.Fault, Control: plant.Control, Expected: plant.Workloads, Commit: commit(),
	}
	began := time.Now()
	for seed := uint64(1); time.Since(began) < s.limit; seed++ {
		result.Runs++
		out := filepath.Join(dir, fmt.Sprint(seed))
		if err = os.RemoveAll(out); err != nil {
			return nil, err
		}
		found, err := s.run(ctx, harness, binary, plant, seed, out)
		if err != nil {
			return nil, err
		}
		if !found.Wrong() {
			if found.Verdict == report.Broken {
				result.Broken++
			}
			continue
		}
		result.Took, result.Seed = time.Since(began).Round(time.Second), seed
		result.Found(found, out)
		return result, os.RemoveAll(filepath.Join(out, "nodes"))
	}
	return result, nil
}

// run does one run in a process of its own and returns what came of it.
func (s *search) run(ctx context.Context, harness, binary string, plant planted.Plant, seed uint64, out string) (*report.Result, error) {
	cmd := exec.CommandContext(ctx, harness, "run", "--binary", binary, "--fault", plant.Fault, "--previous", binary, "--quiet",
		"--seed", fmt.Sprint(seed), "--duration", s.duration.String(), "--rate", fmt.Sprint(s.rate), "--dir", out)
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	result, err := report.Read(filepath.Join(out, run.ResultFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return result, nil
}
