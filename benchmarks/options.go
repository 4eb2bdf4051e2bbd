package main

import (
	"errors"
	"flag"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/conclavehq/conclave/benchmarks/workload"
)

// options are the command line.
type options struct {
	pairs            int
	duration, warmup time.Duration
	workloads        string
	quick            bool
	sessions, growth bool
	list, render     bool

	count    int
	clients  int
	systems  string
	dir, out string
	keep     bool
	programs programs
}

// programs are servers that were built elsewhere; empty: build them.
type programs struct{ etcd, conclave string }

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	f.IntVar(&o.pairs, "pairs", 5, "how often each system runs each workload")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "how long each run is measured (-sessions: 5m)")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "how long each run goes before it is measured")
	f.StringVar(&o.workloads, "workloads", "*", "which workloads: names or patterns, separated by commas; see -list")
	f.BoolVar(&o.quick, "quick", false, "one pair of 1 s each, and nothing is kept: does it work?")
	f.BoolVar(&o.sessions, "sessions", false, "only the live sessions: one pair of 5 minutes each")
	f.BoolVar(&o.growth, "growth", false, "only the growth to many keys: one pair; needs 20 GB of disk")
	f.BoolVar(&o.list, "list", false, "name the workloads")
	f.BoolVar(&o.render, "render", false, "measure nothing; write RESULTS.md and the plots from results.json")
	f.IntVar(&o.count, "count", 0, "how many sessions or keys (100,000 or 10 million); with another number, nothing is kept")
	f.IntVar(&o.clients, "clients", 1, "client objects per system that the callers share")
	f.StringVar(&o.systems, "systems", "etcd,conclave", "what to measure")
	f.StringVar(&o.dir, "dir", "", "where the servers keep their data (default: the system's directory for temporary files)")
	f.StringVar(&o.out, "out", ".", "directory of results.json, RESULTS.md and plots/; empty: keep nothing")
	f.BoolVar(&o.keep, "keep", false, "leave the servers' data and logs behind")
	f.StringVar(&o.programs.etcd, "etcd", "", "an etcd program to use instead of building one")
	f.StringVar(&o.programs.conclave, "conclave", "", "a conclave program to use instead of building one")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	given := make(map[string]bool)
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.fill(given)
	return o, o.check(f.Args())
}

// fill gives what was left open a value that suits the mode.
func (o *options) fill(given map[string]bool) {
	standard := func(name string, set func()) {
		if !given[name] {
			set()
		}
	}
	if given["count"] {
		standard("out", func() { o.out = "" })
	}
	if o.sessions || o.growth {
		standard("pairs", func() { o.pairs = 1 })
	}
	if o.sessions {
		standard("duration", func() { o.duration = 5 * time.Minute })
		standard("count", func() { o.count = 100_000 })
	}
	if o.growth {
		standard("count", func() { o.count = 10_000_000 })
	}
	if o.quick {
		standard("pairs", func() { o.pairs = 1 })
		standard("duration", func() { o.duration = time.Second })
		standard("warmup", func() { o.warmup = 500 * time.Millisecond })
		standard("out", func() { o.out = "" })
	}
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("there is no use for %q", rest[0])
	case o.sessions && o.growth:
		return errors.New("give -sessions or -growth: each takes long")
	case o.pairs < 1 || o.clients < 1:
		return errors.New("-pairs and -clients are 1 or more")
	case o.duration <= 0 || o.warmup < 0:
		return errors.New("-duration is more than 0, -warmup not less")
	case o.count < 0:
		return errors.New("-count is not below 0")
	}
	return nil
}

// chosen are the workloads that the options ask for.
func (o *options) chosen() ([]workload.Workload, error) {
	mode := ""
	switch {
	case o.sessions:
		mode = "sessions"
	case o.growth:
		mode = "growth"
	}
	var chosen []workload.Workload
	for _, w := range workload.All() {
		for pattern := range strings.SplitSeq(o.workloads, ",") {
			matches, err := path.Match(strings.TrimSpace(pattern), w.Name)
			if err != nil {
				return nil, fmt.Errorf("-workloads %q: %w", pattern, err)
			}
			if matches && w.Mode == mode {
				chosen = append(chosen, w)
				break
			}
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-workloads %q names none; see -list", o.workloads)
	}
	return chosen, nil
}
