// Command benchmarks measures Conclave and etcd side by side on this machine:
// both as real processes with the same settings on the same disk, each with its
// own Go client, in turn, in pairs. It prints every result and keeps them in
// results.json, from which it writes RESULTS.md and the plots.
//
//	go -C benchmarks run .                          # all but the long ones: make bench
//	go -C benchmarks run . -quick                   # a look, nothing is kept
//	go -C benchmarks run . -workloads 'put-*,queue-64'
//	go -C benchmarks run . -sessions                # 100,000 sessions for 5 minutes
//	go -C benchmarks run . -growth                  # 10 million keys
//	go -C benchmarks run . -render                  # RESULTS.md and plots from results.json
//
// Runs add to results.json: what they measured is replaced, the rest stays.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The load generator shares the machine with what it measures.
	debug.SetGCPercent(400)
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}
