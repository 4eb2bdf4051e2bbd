package fault

import (
	"context"
	"fmt"
	"os"

	"github.com/conclavehq/conclave/test/faults/disk/damage"
	"github.com/conclavehq/conclave/test/faults/rig"
)

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
// part, and end with the sentence that says so; with its own data it goes on.
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
	began, err := s.try(ctx, n)
	if err != nil {
		return err
	}
	if wrong := began.wrongRefusal(); wrong != "" {
		s.complain("%s with data that is not what it had (%s): %s", n.Name(), s.target, wrong)
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
