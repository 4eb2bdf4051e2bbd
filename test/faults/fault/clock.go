package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavehq/conclave/test/faults/nap"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/wallclock"
)

// jumps are how far a wall clock may jump.
var jumps = []time.Duration{
	time.Second, -time.Second, 5 * time.Second, -5 * time.Second, time.Minute, -time.Minute,
	time.Hour, -time.Hour, 48 * time.Hour, -48 * time.Hour,
}

// hand is that of a node's clock. Each jump is from where it has come to; it stays
// there until the process ends, and the next one begins with the machine's time.
type hand struct {
	node string
	move func(by time.Duration) error
	// busy tells whether somebody else ends the process, or stops it.
	busy func() bool
}

// wallClock is F13.
func wallClock(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	if s.Rand.IntN(3) > 0 {
		nodes = nodes[:1]
	}
	var hands []hand
	for _, n := range nodes {
		h, err := s.hand(n)
		if err != nil {
			return err
		}
		if h != nil {
			hands = append(hands, *h)
		}
	}
	if err := s.moveHands(ctx, hands); err != nil {
		return err
	}
	return s.revive(ctx, s.free()...)
}

// hand takes hold of a node's clock: nil when another injection has the node.
func (s *Scene) hand(n *rig.Node) (*hand, error) {
	over := n.Exited() // of this life: the clock is its own
	busy := func() bool {
		if s.Taken.has(n.Name()) {
			return true
		}
		select {
		case <-over:
			return true
		case <-time.After(dying):
			return false
		}
	}
	clock, err := wallclock.Attach(n.PID())
	switch {
	case err == nil:
		return &hand{node: n.Name(), move: clock.Jump, busy: busy}, nil
	case busy():
		return nil, nil
	}
	return nil, fmt.Errorf("%s: %w", n.Name(), err)
}

// dying is how long the end of a process may take to be seen.
const dying = 2 * time.Second

// moveHands has clocks jump. It is an error that one cannot be moved, unless others
// have the process in their hands.
func (s *Scene) moveHands(ctx context.Context, hands []hand) error {
	if len(hands) == 0 {
		return errNothing
	}
	target := ""
	for _, h := range hands {
		target = join(target, h.node)
	}
	s.begin(target, false)
	moved := 0
	for range 4 {
		for _, h := range hands {
			err := h.move(jumps[s.Rand.IntN(len(jumps))])
			switch {
			case err == nil:
				moved++
			case !h.busy():
				return fmt.Errorf("%s: %w", h.node, err)
			}
		}
		nap.Take(ctx, s.Hold/4)
	}
	if moved == 0 {
		return s.nothing()
	}
	return nil
}
