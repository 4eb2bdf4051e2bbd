// Command filelock counts in a shared file with many workers. A mutex lets one
// worker at a time read the counter and write it back, and the mutex's fencing
// token lets the file refuse a worker that lost the mutex and does not know it.
//
// Run it without flags: the first worker stalls while it holds the mutex, the
// others go on when its TTL has passed, and what it writes when it wakes up is
// refused by the file. Add -file counter.txt to read the file afterwards. With
// -endpoints http://127.0.0.1:7400 -file counter.txt -stall=false, start it
// several times at once: the counts add up.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/examples/internal/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "filelock: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("filelock", flag.ExitOnError)
	endpoints := flags.String("endpoints", "", "`URLs` of a cluster, with commas between them (default: start a node)")
	file := flags.String("file", "", "`path` of the file to count in (default: a temporary one)")
	name := flags.String("name", "worker", "what the workers are called")
	workers := flags.Int("workers", 4, "how many workers to run")
	increments := flags.Int("increments", 3, "how often each worker counts")
	ttl := flags.Duration("ttl", time.Second, "how long a worker that stalls keeps the mutex")
	stall := flags.Bool("stall", true, "let the first worker stall past its TTL")
	if err := flags.Parse(args); err != nil {
		return err
	}

	if *file == "" {
		dir, err := os.MkdirTemp("", "filelock-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		*file = filepath.Join(dir, "counter.txt")
	}
	out := log.New(stdout, "", 0)
	client, leave, err := cluster.Connect(ctx, *endpoints, out)
	if err != nil {
		return err
	}
	defer leave()

	team, until := errgroup.WithContext(ctx)
	for i := range *workers {
		w := &worker{fmt.Sprintf("%s-%d", *name, i+1), client, *ttl, journal(*file), *increments, out}
		team.Go(func() error {
			if i == 0 && *stall {
				if err := w.stall(until); err != nil {
					return err
				}
			}
			return w.run(until)
		})
	}
	if err := team.Wait(); err != nil {
		return err
	}
	count, err := journal(*file).read("")
	out.Printf("%d workers counted %d times each, and the file says %d", *workers, *increments, count)
	return err
}
