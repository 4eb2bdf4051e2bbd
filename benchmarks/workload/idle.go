package workload

import (
	"context"

	"github.com/conclavehq/conclave/benchmarks/system"
)

// idle is a single node that nobody asks anything.
func idle() Workload {
	return Workload{
		Name: "idle", Title: "idle single node", Nodes: 1,
		Goals: []Goal{
			atMost(extra("idle_mib", "memory", "MiB"), 120),
			atMost(extra("idle_cpu_percent", "CPU", "% of a core"), 1),
		},
		Note: "Measured four times as long as the others. Wake-ups are voluntary context switches of all threads.",
		Run: func(ctx context.Context, b *Bench) error {
			var before, after system.Usage
			var failed error
			sample := func(into *system.Usage) func() {
				return func() {
					u, err := b.Cluster.Usage()
					if *into = u; err != nil {
						failed = err
					}
				}
			}
			// The kernel counts processor time in hundredths of a second, which is
			// much beside what an idle process uses.
			b.Duration *= 4
			b.Opened, b.Closed = sample(&before), sample(&after)
			b.Start(ctx)
			<-b.Done()
			seconds := b.Duration.Seconds()
			b.Extra["idle_mib"] = mib(after.Resident)
			b.Extra["idle_cpu_percent"] = (after.CPU - before.CPU).Seconds() / seconds * 100
			b.Extra["wakeups_per_second"] = float64(after.Wakeups-before.Wakeups) / seconds
			return failed
		},
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
