package workload

import (
	"context"
	"time"

	"github.com/conclavehq/conclave/test/faults/nap"
)

// pace spreads the steps of a client evenly over time, so that no workload can do
// more than its share. What was missed is not made up for, but for a tenth of a
// second.
type pace struct {
	every time.Duration
	due   time.Time
}

func newPace(perSecond float64) pace {
	return pace{every: time.Duration(float64(time.Second) / perSecond), due: time.Now()}
}

// wait waits until the next step is due, and for at least so long. It is false when
// ctx has ended.
func (p *pace) wait(ctx context.Context, least time.Duration) bool {
	now := time.Now()
	if oldest := now.Add(-100 * time.Millisecond); p.due.Before(oldest) {
		p.due = oldest
	}
	left := max(p.due.Sub(now), least)
	p.due = p.due.Add(p.every)
	if left <= 0 || ctx.Err() != nil {
		return ctx.Err() == nil
	}
	return nap.Take(ctx, left)
}
