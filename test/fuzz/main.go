// Command fuzz runs every fuzz target of this module, and prints for each how many
// inputs it tried, how many of them were new, and what came of it:
//
//	go run ./test/fuzz -time 10m
//	go run ./test/fuzz -time 20s -run 'rpc.*Request'
//	go run ./test/fuzz -jobs 4
//
// With -jobs N so many targets run at a time, which share the processors; by default
// one target after another has all of them.
//
// Inputs that a target was broken by are left in its testdata/fuzz, where `go test`
// tries them for ever after; commit them with the mend. Those that only reached new
// code are in Go's cache; with -keep N the N shortest of a target are copied beside
// them, where they are not there yet.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"
)

// options are the flags.
type options struct {
	each       time.Duration
	only       string
	keep, jobs int
}

func main() {
	opt, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	if err := run(opt); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// parse reads the flags, and tells how to use them where they are wrong. What `go run`
// has called the program is no name for people.
func parse(args []string, told io.Writer) (opt options, err error) {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	flags.SetOutput(told)
	flags.DurationVar(&opt.each, "time", 10*time.Minute, "how long each target runs")
	flags.StringVar(&opt.only, "run", "", "only targets whose folder and name, such as rpc/etcd/FuzzKV, match this")
	flags.IntVar(&opt.keep, "keep", 0, "how many of the shortest new inputs of a target are copied to its testdata/fuzz")
	flags.IntVar(&opt.jobs, "jobs", 1, "how many targets run at a time")
	err = flags.Parse(args)
	if err == nil && (flags.NArg() > 0 || opt.jobs < 1) {
		err = errors.New("it takes flags only, and at least one job")
		_, _ = fmt.Fprintln(told, "fuzz:", err)
	}
	return opt, err
}

func run(opt options) error {
	all, err := targets(".")
	if err != nil {
		return err
	}
	if all, err = matching(all, opt.only); err != nil {
		return err
	}
	processors := share(runtime.GOMAXPROCS(0), opt.jobs)
	err = atOnce(opt.jobs, all, func(t *target) error {
		if err := t.fuzz(opt.each, processors); err != nil || t.failed {
			return err
		}
		return t.keep(opt.keep)
	})
	broken := 0
	for _, t := range all {
		if t.failed {
			broken++
			_, _ = os.Stderr.Write(t.output)
		}
	}
	table(os.Stdout, all)
	if broken > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d targets were broken; their inputs are in testdata/fuzz", broken, len(all)))
	}
	return err
}

// share is how many processors each job gets.
func share(processors, jobs int) int { return max(1, processors/jobs) }

// atOnce does something with all targets, with so many of them at a time. One that
// fails does not keep the others from their turn.
func atOnce(jobs int, all []*target, do func(*target) error) error {
	work := make(chan int)
	errs := make([]error, len(all))
	var working sync.WaitGroup
	for range min(jobs, len(all)) {
		working.Go(func() {
			for i := range work {
				fmt.Fprintf(os.Stderr, "%d of %d: %v\n", i+1, len(all), all[i])
				errs[i] = do(all[i])
			}
		})
	}
	for i := range all {
		work <- i
	}
	close(work)
	working.Wait()
	return errors.Join(errs...)
}

// table prints what came of it, as Markdown.
func table(to io.Writer, all []*target) {
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprintln(w, "| target\t| executions\t| new inputs\t| corpus\t| kept\t| time\t| result\t|")
	_, _ = fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, t := range all {
		result := "ok"
		switch {
		case t.failed:
			result = "BROKEN"
		case t.executions == "" || t.executions == "0":
			result = "DID NOT RUN"
		}
		_, _ = fmt.Fprintf(w, "| %v\t| %s\t| %s\t| %s\t| %d\t| %s\t| %s\t|\n",
			t, t.executions, t.new, t.total, t.kept, t.took.Round(time.Second), result)
	}
	_ = w.Flush()
}
