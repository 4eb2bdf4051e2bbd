package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/disk/damage"
	"github.com/conclavehq/conclave/test/faults/nap"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// damageFiles is F19. The node is down while the others go on, so that all that it
// had acknowledged is on each of them; then it either finds the damage and ends with
// a sentence, and is replaced, or it starts and has to be right.
func damageFiles(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	n.Kill()
	s.wait(ctx)
	if err = s.othersGoOn(ctx); err != nil {
		return err
	}
	wound, err := wound(s.Rand, n.Dir())
	if err != nil {
		return err
	}
	s.target = n.Name() + ": " + wound.String()
	began, err := s.try(ctx, n)
	if err == nil && began.ready {
		err = s.readAll(ctx, began)
	}
	if err != nil || began.ready {
		return err
	}
	if wrong := began.wrongEnd(); wrong != "" {
		s.complain("%s: %s", s.target, wrong)
	}
	return s.replace(ctx, n)
}

// wound damages a file of some kind in some way.
func wound(rng *rand.Rand, dir string) (damage.Wound, error) {
	kinds := damage.Kinds()
	kind := kinds[rng.IntN(len(kinds))]
	path, err := damage.Pick(rng, dir, kind)
	if err != nil { // a young directory has none of that kind
		if path, err = damage.Pick(rng, dir, damage.RaftLog); err != nil {
			return damage.Wound{}, err
		}
	}
	ways := []func(*rand.Rand, string) (damage.Wound, error){damage.Flip, damage.Zero, damage.Truncate, damage.Torn}
	return ways[rng.IntN(len(ways))](rng, path)
}

// othersGoOn waits until writes are acknowledged without the node that is down.
func (s *Scene) othersGoOn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	noise, err := conclave.Dial(ctx, s.Client.Endpoints(), conclave.WithNamespace(Aside), conclave.WithoutPipeline())
	if err != nil {
		return err
	}
	defer func() { _ = noise.Close() }()
	for ctx.Err() == nil {
		if _, err = noise.Put(ctx, "k", "v"); err == nil {
			return nil
		}
		nap.Take(ctx, 50*time.Millisecond)
	}
	return fmt.Errorf("the other nodes do not go on: %w", err)
}

// snapshotStorm is F22: a node stays away until it needs a snapshot, and is killed
// while it gets one, now and then twice.
func snapshotStorm(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.3)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	n.Kill()
	s.wait(ctx)
	for range s.Rand.IntN(3) {
		if err = n.Start(ctx); err != nil {
			return err
		}
		nap.Take(ctx, time.Duration(50+s.Rand.IntN(800))*time.Millisecond)
		n.Kill()
	}
	return s.revive(ctx, n)
}

// upgrade is F26.
func upgrade(ctx context.Context, s *Scene) error {
	if s.Previous == "" {
		return errNothing
	}
	nodes := s.shuffled()[:1+s.Rand.IntN(len(s.Cluster.Nodes()))]
	return s.restartAll(ctx, "change of", nodes, func(n *rig.Node) string {
		to := s.Previous
		if n.Binary() == s.Previous {
			to = s.Binary
		}
		n.SetBinary(to)
		return n.Name() + "=" + filepath.Base(to)
	})
}
