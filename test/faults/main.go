// Command faults runs a cluster of real processes under faults, and judges what its
// clients saw. docs/testing.md tells what it does and how to read what it says.
//
//	go run ./test/faults run --fault F01 --seed 42     one run
//	go run ./test/faults run --fault all --each        one run for each fault
//	go run ./test/faults check runs/F01-42             judge old runs again
//	go run ./test/faults replay runs/F01-42            the same schedule once more
//	go run ./test/faults grid runs/* > SCORECARD.md    all of them in a table
//	go run ./test/faults show runs/F01-42 'orders/7'   what clients saw
//	go run ./test/faults planted                       are planted bugs found?
//	go run ./test/faults list                          faults and workloads
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/test/faults/rig"
)

func main() {
	prefetch()
	rig.Enter()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	err := root().ExecuteContext(ctx)
	stop()
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	if err != nil && !errors.Is(err, errFound) {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	os.Exit(exitCode(err))
}

// exitCode is 1 when something was found and 2 when the harness failed.
func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return 1
	}
	return 2
}

// errFound ends the program with 1: the harness worked, and found something.
var errFound = errors.New("something is wrong")

// errInterrupted is what is left to say of what a signal has ended.
var errInterrupted = errors.New("interrupted")

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "faults",
		Short:         "Run a cluster under faults and judge what its clients saw",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	cmd.AddCommand(runCommand(), checkCommand(), replayCommand(), gridCommand(), showCommand(), plantedCommand(), listCommand())
	return cmd
}
