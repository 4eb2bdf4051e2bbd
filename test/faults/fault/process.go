package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/conclavehq/conclave/test/faults/nap"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// killOne is F01.
func killOne(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.8)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	n.Kill()
	s.wait(ctx)
	return s.revive(ctx, n)
}

func (s *Scene) leads(ctx context.Context, n *rig.Node) bool {
	leader, err := s.leader(ctx)
	return err == nil && leader == n
}

// killAll is F02.
func killAll(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	s.begin(names(nodes), true)
	for _, n := range nodes {
		n.Kill()
	}
	s.wait(ctx)
	return s.revive(ctx, nodes...)
}

// pauseLeader is F03: from a tenth of Hold to twice of it, since what is shorter
// than an election finds other bugs than what is longer than a TTL.
func pauseLeader(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.9)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	n.Pause()
	defer n.Resume()
	nap.Take(ctx, time.Duration((0.1+1.9*s.Rand.Float64())*float64(s.Hold)))
	n.Resume()
	return s.revive(ctx, n)
}

// pauseMany is F04.
func pauseMany(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	if s.Rand.IntN(2) == 0 {
		nodes = nodes[:len(nodes)/2+1]
	}
	s.begin(names(nodes), false)
	for _, n := range nodes {
		n.Pause()
		defer n.Resume()
	}
	s.wait(ctx)
	for _, n := range nodes {
		n.Resume()
	}
	return s.revive(ctx, nodes...)
}

// rolling is F05.
func rolling(ctx context.Context, s *Scene) error {
	if s.Rand.IntN(3) > 0 {
		return transfers(ctx, s)
	}
	return s.restartAll(ctx, "restart of", s.shuffled(), func(n *rig.Node) string { return n.Name() })
}

// restartAll restarts those of some nodes that are free, one after the other. prepare
// does something to each before, and returns what it is called in the records.
func (s *Scene) restartAll(ctx context.Context, what string, nodes []*rig.Node, prepare func(*rig.Node) string) error {
	for _, n := range nodes {
		if !s.Taken.take(n.Name()) {
			continue
		}
		if s.target == "" {
			s.begin(what, false)
		}
		s.target += " " + prepare(n)
		err := s.restart(ctx, n)
		s.Taken.release(n.Name())
		if err != nil {
			return err
		}
	}
	if s.target == "" {
		return errNothing
	}
	return nil
}

// restart ends a node politely, which has to succeed, and starts it again.
func (s *Scene) restart(ctx context.Context, n *rig.Node) error {
	if ended(n) {
		return s.revive(ctx, n) // there is nobody to be polite to
	}
	n.Terminate()
	select {
	case <-n.Exited():
		if code := n.ExitCode(); code != 0 {
			s.complain("%s ends with exit code %d on SIGTERM; it logged last: %q", n.Name(), code, n.LastLog(20))
		}
	case <-time.After(30 * time.Second):
		s.complain("%s does not end on SIGTERM", n.Name())
		n.Kill()
	case <-ctx.Done():
	}
	return s.revive(ctx, n)
}

// transfers hands the leadership of all shards around, often.
func transfers(ctx context.Context, s *Scene) error {
	leader := "" // that the last transfer made
	if n, err := s.leader(ctx); err == nil {
		leader = n.Name()
	}
	s.begin("transfers", false)
	moves := 0
	end := time.Now().Add(2 * s.Hold)
	for range 20 {
		if time.Now().After(end) || ctx.Err() != nil {
			break
		}
		to := s.Cluster.Nodes()[s.Rand.IntN(len(s.Cluster.Nodes()))].Name()
		step, cancel := context.WithTimeout(ctx, time.Second)
		// One that fails may have worked all the same: two transfers may cross.
		if err := s.Client.MoveLeader(step, to, rig.DefaultShard); err == nil && to != leader {
			moves++
			leader = to
		}
		cancel()
		nap.Take(ctx, time.Duration(s.Rand.IntN(60))*time.Millisecond)
	}
	if moves == 0 {
		return s.nothing()
	}
	return nil
}

// soup is F28: some of those that leave a majority alone, at a time.
func soup(ctx context.Context, s *Scene) error {
	kinds := []func(context.Context, *Scene) error{
		killOne, pauseLeader, transfers, isolateOne, oneWay, clientsCut, slowNetwork, lossyNetwork,
		wallClock, powerOne, slowDisk, snapshotStorm,
	}
	s.Rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:2+s.Rand.IntN(2)]
	type outcome struct {
		injections int
		err        error
	}
	outcomes := make(chan outcome, len(kinds))
	for _, kind := range kinds {
		part := *s
		part.Rand = rand.New(rand.NewPCG(s.Rand.Uint64(), s.Rand.Uint64()))
		go func() {
			err := kind(ctx, &part)
			outcomes <- outcome{part.End(), err}
		}()
	}
	var failed error
	for range kinds {
		o := <-outcomes
		s.parts += o.injections
		if o.err != nil && !IsNothing(o.err) {
			failed = fmt.Errorf("in the soup: %w", o.err)
		}
	}
	return failed
}
