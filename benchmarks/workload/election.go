package workload

import (
	"context"

	"github.com/conclavehq/conclave/benchmarks/system"
)

// elections: each candidate leads for a moment, and stands again.
func elections() []Workload {
	const candidates = 16
	return []Workload{{
		Name: "election-16", Title: "election: campaign, lead, resign, 16 candidates", Counted: "term", Callers: candidates, Nodes: 1,
		Goals: []Goal{ratioOf(Rate, 10)},
		Note:  "Latency is from the beginning of the resignation until the next candidate leads.",
		Run: func(ctx context.Context, b *Bench) error {
			return b.handOver(ctx, candidates, func(ctx context.Context, s system.Session) (system.Release, error) {
				return s.Campaign(ctx, "leader")
			})
		},
	}}
}
