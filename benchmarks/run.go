package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/report"
	"github.com/conclavehq/conclave/benchmarks/system"
	"github.com/conclavehq/conclave/benchmarks/workload"
)

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		for _, w := range workload.All() {
			fmt.Printf("%-18s %s\n", w.Name, w.Title)
		}
		return nil
	case o.render:
		book, err := report.Open(o.out)
		if err != nil {
			return err
		}
		return book.Write(o.out)
	}
	workloads, err := o.chosen()
	if err != nil {
		return err
	}
	s, err := newStage(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	measured, failure := s.all(ctx, workloads)
	if len(measured) == 0 {
		return failure
	}
	fmt.Println()
	if err := report.Text(os.Stdout, workloads, measured); err != nil {
		return err
	}
	return errors.Join(failure, o.store(ctx, s, args, measured))
}

// store adds what was measured to what was measured before.
func (o *options) store(ctx context.Context, s *stage, args []string, measured report.Measured) error {
	if o.out == "" {
		return nil
	}
	book, err := report.Open(o.out)
	if err != nil {
		return err
	}
	// What is complete is kept also after an interrupt.
	about := report.About(context.WithoutCancel(ctx), s.dir)
	about.Command = strings.Join(append([]string{"go -C benchmarks run ."}, args...), " ")
	about.Pairs, about.Warmup, about.Duration = o.pairs, o.warmup.String(), o.duration.String()
	book.Add(about, measured)
	return book.Write(o.out)
}

// stage is where the systems take turns.
type stage struct {
	options
	list     []system.System
	binaries map[string]string
	dir      string
}

func newStage(ctx context.Context, o options) (*stage, error) {
	s := &stage{options: o}
	for _, known := range []system.System{system.Etcd{}, system.Conclave{}} {
		if slices.Contains(strings.Split(o.systems, ","), known.Name()) {
			s.list = append(s.list, known)
		}
	}
	if len(s.list) == 0 {
		return nil, fmt.Errorf("-systems %q: give etcd, conclave or both", o.systems)
	}
	dir, err := os.MkdirTemp(o.dir, "conclave-benchmarks-")
	if err != nil {
		return nil, err
	}
	s.dir = dir
	if measure.InMemory(dir) {
		fmt.Fprintf(os.Stderr, "benchmarks: %s is in memory, where nothing waits for a disk; give -dir\n", dir)
	}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) build(ctx context.Context) error {
	s.binaries = map[string]string{"etcd": s.programs.etcd, "conclave": s.programs.conclave}
	for name, program := range s.binaries {
		if program == "" {
			continue
		}
		absolute, err := filepath.Abs(program)
		if err != nil {
			return err
		}
		s.binaries[name] = absolute
	}
	if s.programs.etcd != "" && s.programs.conclave != "" {
		return nil
	}
	module, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	built, err := system.Build(ctx, module, s.dir)
	for name, program := range built {
		if s.binaries[name] == "" {
			s.binaries[name] = program
		}
	}
	return err
}

func (s *stage) close() error {
	if s.keep {
		fmt.Fprintln(os.Stderr, "benchmarks: data and logs are in", s.dir)
		return nil
	}
	return os.RemoveAll(s.dir)
}

// all runs the workloads one after the other. Within a pair the systems take
// turns in going first. What is complete is returned also with an error.
func (s *stage) all(ctx context.Context, workloads []workload.Workload) (report.Measured, error) {
	measured := make(report.Measured)
	var failures []error
	for _, w := range workloads {
		results := make(map[string][]measure.Result)
		var failure error
		for pair := 0; pair < s.pairs && failure == nil; pair++ {
			failure = s.pair(ctx, w, pair, results)
		}
		if ctx.Err() != nil { // the last result was cut short
			return measured, ctx.Err()
		}
		if failure == nil {
			measured[w.Name] = results
		}
		failures = append(failures, failure)
	}
	for _, w := range workloads {
		for name, results := range measured[w.Name] {
			for _, r := range results {
				if r.Errors > 0 {
					failures = append(failures, fmt.Errorf("%s with %s: %d errors, the first: %s", w.Name, name, r.Errors, r.FirstError))
				}
			}
		}
	}
	return measured, errors.Join(failures...)
}

func (s *stage) pair(ctx context.Context, w workload.Workload, pair int, results map[string][]measure.Result) error {
	order := slices.Clone(s.list)
	if pair%2 == 1 {
		slices.Reverse(order)
	}
	for _, sys := range order {
		began := time.Now()
		r, err := s.once(ctx, w, sys)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", w.Name, sys.Name(), err)
		}
		results[sys.Name()] = append(results[sys.Name()], r)
		fmt.Printf("%-16s %d/%d  %-8s %s  (%s)\n", w.Name, pair+1, s.pairs, sys.Name(), report.Line(r), time.Since(began).Round(time.Second))
	}
	return nil
}
