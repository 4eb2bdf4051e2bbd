// Command discovery runs a service and a client that finds it. Each instance of
// the service is an HTTP server that registers its address under a session; the
// session's renewals are its heartbeat. The client watches the registry and calls
// the instances that serve, one after the other.
//
// Run it without flags: the second of three instances drains after two seconds
// and is gone without a failed call; the third one dies after four seconds, and
// is gone when its TTL has passed. With -endpoints http://127.0.0.1:7400 -for 0,
// start services (-role service -instances 1 -name a) and clients (-role client)
// in terminals of their own, and end a service with Ctrl-C or with kill -9.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/examples/internal/cluster"
)

// service is the name that the instances register under.
const service = "greeter"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "discovery: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("discovery", flag.ExitOnError)
	endpoints := flags.String("endpoints", "", "`URLs` of a cluster, with commas between them (default: start a node)")
	role := flags.String("role", "both", "service, client or both")
	name := flags.String("name", service, "what the instances are called")
	instances := flags.Int("instances", 3, "how many instances to run")
	ttl := flags.Duration("ttl", 2*time.Second, "how long an instance that is dead stays registered")
	drainAfter := flags.Duration("drain-after", 2*time.Second, "when the second instance drains")
	dieAfter := flags.Duration("die-after", 4*time.Second, "when the third instance dies")
	every := flags.Duration("every", 300*time.Millisecond, "time from call to call")
	length := flags.Duration("for", 7*time.Second, "when to end; 0: with Ctrl-C")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !slices.Contains([]string{"service", "client", "both"}, *role) {
		return fmt.Errorf("-role is service, client or both, not %q", *role)
	}

	out := log.New(stdout, "", 0)
	client, leave, err := cluster.Connect(ctx, *endpoints, out)
	if err != nil {
		return err
	}
	defer leave()
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}

	all, until := errgroup.WithContext(ctx)
	if *role != "client" {
		for i := range *instances {
			in := &instance{id: fmt.Sprintf("%s-%d", *name, i+1), client: client, ttl: *ttl, out: out}
			switch i {
			case 1:
				in.drains = time.After(*drainAfter)
			case 2:
				in.dies = time.After(*dieAfter)
			}
			all.Go(func() error { return in.run(until) })
		}
	}
	if *role != "service" {
		c := &caller{client: client, every: *every, out: out}
		all.Go(func() error { return c.follow(until) })
		all.Go(func() error { return c.call(until) })
	}
	if err := all.Wait(); ctx.Err() == nil {
		return err
	}
	return nil // the wanted end
}
