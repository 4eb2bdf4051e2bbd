package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/rig"
)

// What did no harm is no injection.
func TestNoHarm(t *testing.T) {
	s := onStage(t, 2)
	within, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nobody := NewTaken(0)
	for name, c := range map[string]struct {
		inject func(context.Context, *Scene) error
		taken  *Taken
	}{
		"restarts": {inject: func(ctx context.Context, s *Scene) error {
			return s.restartAll(ctx, "restart of", s.Cluster.Nodes(), (*rig.Node).Name)
		}, taken: nobody},
		"half open": {inject: seeded(1, 3, lossyNetwork), taken: nobody},
		"transfers": {inject: transfers, taken: NewTaken(2)}, // a fake moves no leader
		"no call of the disk fails": {inject: func(ctx context.Context, s *Scene) error {
			return s.untilItEnds(ctx, s.Cluster.Nodes()[0], calls(0), true, time.Millisecond)
		}, taken: NewTaken(2)},
	} {
		part := *s.Scene
		part.Taken = c.taken
		before := s.Cluster.Nodes()[0].PID()
		err := c.inject(within, &part)
		if !IsNothing(err) || part.End() != 0 {
			t.Errorf("%s: %v, %d injections of %q", name, err, part.End(), part.Target())
		}
		if s.Cluster.Nodes()[0].PID() != before {
			t.Errorf("%s: the node has another process", name)
		}
	}
	if said := s.complaints(t); len(said) > 0 {
		t.Errorf("%q", said)
	}
}

// seeded does a fault with the first random source whose second number is want of n.
func seeded(want, n int, inject func(context.Context, *Scene) error) func(context.Context, *Scene) error {
	return func(ctx context.Context, s *Scene) error {
		for seed := uint64(0); ; seed++ {
			try := rand.New(rand.NewPCG(seed, 0))
			if _ = try.IntN(3); try.IntN(n) == want {
				s.Rand = rand.New(rand.NewPCG(seed, 0))
				return inject(ctx, s)
			}
		}
	}
}

// calls is how many calls were made to fail.
type calls int

func (c calls) Hits() int   { return int(c) }
func (c calls) Stop() error { return nil }

// A process that goes on with failed calls is told of, and so is one that ends without.
func TestDiskErrors(t *testing.T) {
	s := onStage(t, 1)
	n := s.Cluster.Nodes()[0]
	s.target = n.Name()
	if err := s.untilItEnds(t.Context(), n, calls(2), false, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	s.tell(t, n, endsSilently)
	n.Terminate()
	<-n.Exited()
	s.tell(t, n, "")
	if err := s.untilItEnds(t.Context(), n, calls(0), false, time.Minute); err != nil {
		t.Fatal(err)
	}
	said := s.complaints(t)
	if len(said) != 2 || !strings.Contains(said[0], "goes on although 2") || !strings.Contains(said[1], "none of its calls failed") {
		t.Errorf("%q", said)
	}
}

// A clock that cannot be moved is an error, unless somebody else has the process.
func TestMoveHands(t *testing.T) {
	failed := errors.New("no")
	free, busy := func() bool { return false }, func() bool { return true }
	for name, c := range map[string]struct {
		hands []hand
		want  error
		count int
	}{
		"none":             {want: errNothing},
		"it moves":         {hands: []hand{{move: func(time.Duration) error { return nil }, busy: free}}, count: 1},
		"it does not":      {hands: []hand{{move: func(time.Duration) error { return failed }, busy: free}}, want: failed, count: 1},
		"it has ended":     {hands: []hand{{move: func(time.Duration) error { return failed }, busy: busy}}, want: errNothing},
		"one of them does": {hands: []hand{{move: func(time.Duration) error { return failed }, busy: busy}, {move: func(time.Duration) error { return nil }}}, count: 1},
	} {
		s := onStage(t, 0)
		for i := range c.hands {
			c.hands[i].node = "n1"
		}
		if err := s.moveHands(t.Context(), c.hands); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if got := s.End(); got != c.count {
			t.Errorf("%s: %d injections, want %d", name, got, c.count)
		}
	}
}
