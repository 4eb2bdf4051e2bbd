// Command scheduler runs a job at every tick on one of several candidates: the
// one that leads an election. Each run is recorded in a transaction that the
// service refuses unless the term still goes on. So every tick is recorded once,
// in order, whoever runs it and however the leaders change.
//
// Run it without flags: two candidates take turns, because each hands over after
// three ticks. With -endpoints http://127.0.0.1:7400 -ticks 0 -resign-after 0,
// start it several times under different names and end the one that leads with
// kill -9, or pause it with kill -STOP for longer than its TTL: another one goes
// on with the next tick in a higher term, and the paused one's job stops.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/examples/internal/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "scheduler: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("scheduler", flag.ExitOnError)
	endpoints := flags.String("endpoints", "", "`URLs` of a cluster, with commas between them (default: start a node)")
	name := flags.String("name", "candidate", "what the candidates are called")
	candidates := flags.Int("candidates", 2, "how many candidates to run")
	ticks := flags.Int("ticks", 8, "how many ticks to run, by whomever; 0: until Ctrl-C")
	every := flags.Duration("every", 300*time.Millisecond, "time from tick to tick")
	ttl := flags.Duration("ttl", 2*time.Second, "how long a leader that is dead still leads")
	resignAfter := flags.Int("resign-after", 3, "ticks after which a leader hands over; 0: never")
	if err := flags.Parse(args); err != nil {
		return err
	}

	out := log.New(stdout, "", 0)
	client, leave, err := cluster.Connect(ctx, *endpoints, out)
	if err != nil {
		return err
	}
	defer leave()
	last, err := lastDone(ctx, client)
	if err != nil {
		return err
	}
	if last += *ticks; *ticks == 0 {
		last = math.MaxInt
	}

	all, until := errgroup.WithContext(ctx)
	for i := range *candidates {
		c := &candidate{
			name:        fmt.Sprintf("%s-%d", *name, i+1),
			client:      client,
			ttl:         *ttl,
			every:       *every,
			resignAfter: *resignAfter,
			last:        last,
			out:         out,
		}
		all.Go(func() error { return c.run(until) })
	}
	return all.Wait()
}
