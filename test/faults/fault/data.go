package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/disk/damage"
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
	if err = s.starts(ctx, n); err == nil {
		return nil
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
		pause(ctx, 50*time.Millisecond)
	}
	return fmt.Errorf("the other nodes do not go on: %w", err)
}

// starts starts a node and tells whether it serves; nil when it does.
func (s *Scene) starts(ctx context.Context, n *rig.Node) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := n.Start(ctx); err != nil {
		return err
	}
	return n.WaitReady(ctx)
}

// replace is the documented procedure for a node that lost its disk.
func (s *Scene) replace(ctx context.Context, n *rig.Node) error {
	n.Kill()
	if err := os.RemoveAll(n.Dir()); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := s.Client.ReplaceMember(within, n.Name()); err != nil {
		return fmt.Errorf("replacing %s: %w", n.Name(), err)
	}
	n.SetFlag("--initial-cluster-state", "existing")
	return s.revive(ctx, n)
}

// lostData is F20: a wiped node, or one with an old copy of its data, must not take
// part; with its own data it goes on.
func lostData(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.3)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	n.Kill()
	own := n.Dir() + ".own"
	if s.Rand.IntN(2) == 0 {
		if err = s.rollBack(ctx, n, own); err != nil {
			return err
		}
	} else if err = os.Rename(n.Dir(), own); err != nil {
		return err
	}
	if err = s.starts(ctx, n); err == nil {
		s.complain("%s serves although its data is not what it had (%s)", n.Name(), s.target)
	}
	n.Kill()
	if err = os.RemoveAll(n.Dir()); err != nil {
		return err
	}
	if err = os.Rename(own, n.Dir()); err != nil {
		return err
	}
	return s.revive(ctx, n)
}

// rollBack has a node live on for a while, and puts the copy from before in place of
// what it has then, which is kept aside.
func (s *Scene) rollBack(ctx context.Context, n *rig.Node, own string) error {
	s.target = n.Name() + " with an old copy"
	old := n.Dir() + ".old"
	if err := damage.Copy(n.Dir(), old); err != nil {
		return err
	}
	if err := s.revive(ctx, n); err != nil {
		return err
	}
	s.wait(ctx)
	n.Kill()
	if err := os.Rename(n.Dir(), own); err != nil {
		return err
	}
	return os.Rename(old, n.Dir())
}

// replaceNode is F21.
func replaceNode(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	n.Kill()
	s.wait(ctx)
	return s.replace(ctx, n)
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
		pause(ctx, time.Duration(50+s.Rand.IntN(800))*time.Millisecond)
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
	s.begin(names(nodes), false)
	for _, n := range nodes {
		if !s.Taken.take(n.Name()) {
			continue
		}
		to := s.Previous
		if n.Binary() == s.Previous {
			to = s.Binary
		}
		n.SetBinary(to)
		err := s.restart(ctx, n)
		s.Taken.release(n.Name())
		if err != nil {
			return err
		}
		s.target += " " + n.Name() + "=" + filepath.Base(to)
	}
	return nil
}
