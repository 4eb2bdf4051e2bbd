package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const benchHelp = `Put load on the cluster and see how it does. Without a workload, all of them
run one after the other:

  put     write random keys
  get     read random keys, linearizably
  mixed   read four times of five, write the fifth
  lock    lock and unlock, each client its own mutex (--contended: all the same)
  queue   enqueue a job, claim one, ack it

Each client does one operation after the other. What is written has names of its
own, which begin with conclave-bench/, and is deleted in the end; the queue
conclave-bench stays, empty unless the run was interrupted. The load is real:
others feel it. Any failed operation makes the command fail.`

const benchExample = `  conclave bench
  conclave bench put get --clients 256 --duration 30s
  conclave bench lock --contended --clients 32
  conclave bench -w json queue`

// Bounds that keep a slip of the finger from hurting a cluster.
const (
	maxBenchClients = 10_000
	maxBenchValue   = 1 << 20
	benchWarmup     = time.Second
	// benchPatience bounds what is made before the load begins.
	benchPatience = time.Minute
)

// benchPlan is what the flags ask for.
type benchPlan struct {
	clients   int
	duration  time.Duration
	valueSize int
	keys      int
	contended bool
	patience  time.Duration // for the last operations, after the time is over
	name      string        // begins the names of all that is written
}

func newBenchCommand(a *app) *cobra.Command {
	var plan benchPlan
	cmd := &cobra.Command{
		Use:       "bench [WORKLOAD]...",
		Short:     "Measure how fast the cluster is",
		Long:      benchHelp,
		Example:   benchExample,
		ValidArgs: benchNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plan.check(args); err != nil {
				return err
			}
			return a.bench(cmd.Context(), plan, args)
		},
	}
	set := cmd.Flags()
	set.IntVar(&plan.clients, "clients", 64, "how many clients work at a time")
	set.DurationVar(&plan.duration, "duration", 10*time.Second, "how long each workload is measured")
	set.IntVar(&plan.valueSize, "value-size", 256, "bytes of a value or job")
	set.IntVar(&plan.keys, "keys", 10_000, "how many keys are written and read")
	set.BoolVar(&plan.contended, "contended", false, "lock: all clients want the same mutex")
	return cmd
}

func (p benchPlan) check(args []string) error {
	for _, name := range args {
		if benchLoads[name] == nil {
			return misused("there is no workload %q: give some of %s", name, strings.Join(benchNames(), ", "))
		}
	}
	switch {
	case p.clients < 1 || p.clients > maxBenchClients:
		return misused("--clients %d: give 1 to %d", p.clients, maxBenchClients)
	case p.duration <= 0:
		return misused("--duration %s: give more than 0", p.duration)
	case p.valueSize < 1 || p.valueSize > maxBenchValue:
		return misused("--value-size %d: give 1 to %d", p.valueSize, maxBenchValue)
	case p.keys < 1:
		return misused("--keys %d: give 1 or more", p.keys)
	}
	return nil
}

// benchNames are the workloads in the order in which they run.
func benchNames() []string { return []string{"put", "get", "mixed", "lock", "queue"} }

// benchJSON is the result of one workload for programs.
type benchJSON struct {
	Workload  string  `json:"workload"`
	Clients   int     `json:"clients"`
	ValueSize int     `json:"value_size"`
	Seconds   float64 `json:"seconds"`
	Ops       int64   `json:"operations"`
	Rate      float64 `json:"operations_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p999_ms"`
	Longest   float64 `json:"longest_ms"`
	Errors    int64   `json:"errors"`
	Error     string  `json:"first_error,omitempty"`
}

var benchHead = []string{"WORKLOAD", "CLIENTS", "OPS/S", "P50", "P99", "P99.9", "LONGEST", "ERRORS"}

func (r benchJSON) row() []string {
	ms := func(v float64) string { return fmt.Sprintf("%.2fms", v) }
	return []string{
		r.Workload, fmt.Sprint(r.Clients), fmt.Sprintf("%.0f", r.Rate),
		ms(r.P50), ms(r.P99), ms(r.P999), ms(r.Longest), fmt.Sprint(r.Errors),
	}
}

// bench runs the workloads and prints what they came to, also when it is
// interrupted.
func (a *app) bench(ctx context.Context, plan benchPlan, chosen []string) error {
	// Operations of the load retry for long; this tells soon when nobody answers.
	err := a.call(ctx, func(ctx context.Context, c *conclave.Client) error {
		_, err := c.Range(ctx, "conclave-bench/", conclave.WithLimit(1))
		return err
	})
	if err != nil {
		return err
	}
	client := a.client
	plan.patience = max(a.timeout, time.Second)
	plan.name = fmt.Sprintf("conclave-bench/%08x/", rand.Uint32())
	var results []benchJSON
	var failed error
	for _, name := range benchNames() {
		if len(chosen) > 0 && !slices.Contains(chosen, name) {
			continue
		}
		a.note("%s, %d clients, %s …", name, plan.clients, plan.duration)
		r, err := plan.run(ctx, client, name)
		if err != nil {
			failed = fmt.Errorf("bench %s: %w", name, err)
			break
		}
		results = append(results, r)
		if r.Errors > 0 && failed == nil {
			failed = fmt.Errorf("bench %s: %d operations failed, the first with: %s", name, r.Errors, r.Error)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := a.cleanBench(ctx, client, plan.name); err != nil && failed == nil {
		failed = fmt.Errorf("bench: keys beginning with %s are left behind: %w", plan.name, err)
	}
	rows := make([][]string, len(results))
	for i, r := range results {
		rows[i] = r.row()
	}
	if err := a.print(answer{data: results, head: benchHead, rows: rows}); err != nil {
		return err
	}
	return failed
}

// cleanBench deletes the keys, also after an interrupt.
func (a *app) cleanBench(ctx context.Context, client *conclave.Client, prefix string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(a.timeout, 10*time.Second))
	defer cancel()
	_, err := client.Delete(ctx, prefix, conclave.WithPrefix())
	return err
}
