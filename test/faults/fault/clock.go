package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavehq/conclave/test/faults/wallclock"
)

// jumps are how far a wall clock may jump.
var jumps = []time.Duration{
	time.Second, -time.Second, 5 * time.Second, -5 * time.Second, time.Minute, -time.Minute,
	time.Hour, -time.Hour, 48 * time.Hour, -48 * time.Hour,
}

// wallClock is F13. Each jump is from where the clock has come to, and taken back
// at the end, so that the next process begins with the machine's time.
func wallClock(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	if s.Rand.IntN(3) > 0 {
		nodes = nodes[:1]
	}
	var clocks []*wallclock.Clock
	for _, n := range nodes {
		clock, err := wallclock.Attach(n.PID())
		if ended(n) {
			continue // another injection has it
		}
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name(), err)
		}
		clocks = append(clocks, clock)
	}
	s.begin(names(nodes), false)
	for range 4 {
		for _, clock := range clocks {
			// A process that another fault has ended meanwhile has no clock.
			_ = clock.Jump(jumps[s.Rand.IntN(len(jumps))])
		}
		pause(ctx, s.Hold/4)
	}
	return s.revive(ctx, s.free()...)
}
