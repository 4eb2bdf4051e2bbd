package fault

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conclavehq/conclave/test/faults/disk"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// powerOne is F14.
func powerOne(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.6)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name(), s.leads(ctx, n))
	if err = losePower(n); err != nil {
		return err
	}
	s.wait(ctx)
	return s.powerBack(ctx, n)
}

// losePower freezes the process, cuts its disk off and kills it.
func losePower(n *rig.Node) error {
	n.Doom()
	err := n.Disk().PowerLoss(n.PID())
	n.Kill()
	return err
}

func (s *Scene) powerBack(ctx context.Context, nodes ...*rig.Node) error {
	for _, n := range nodes {
		if err := n.Disk().Remount(); err != nil {
			return fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	return s.revive(ctx, nodes...)
}

// powerAll is F15. All processes are frozen before the first disk is cut off, within
// a millisecond or two, while all of them write.
func powerAll(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	s.begin(names(nodes), true)
	for _, n := range nodes {
		n.Doom()
		if err := disk.Freeze(n.PID()); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := n.Disk().PowerLoss(); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		n.Kill()
	}
	s.wait(ctx)
	return s.powerBack(ctx, nodes...)
}

// diskErrors is F16: the process has to end, and must not acknowledge anything more.
func diskErrors(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	call := []string{"fdatasync", "fsync", "pwrite64", "write"}[s.Rand.IntN(4)]
	errno := []unix.Errno{unix.EIO, unix.ENOSPC}[s.Rand.IntN(2)]
	leads := s.leads(ctx, n)
	injector, err := n.Disk().Errors(n.PID(), call, errno, "")
	if err != nil {
		return err
	}
	s.begin(fmt.Sprintf("%s, %s gives %v", n.Name(), call, errno), false)
	return s.untilItEnds(ctx, n, injector, leads, 5*time.Second)
}

// failing is an injection that has calls of a process fail.
type failing interface {
	// Hits is how many calls failed so far.
	Hits() int
	Stop() error
}

var _ failing = (*disk.Injector)(nil)

// untilItEnds waits for a process that a failed call has to end, and starts it again.
// Nothing was done to one that has made no such call within a time.
func (s *Scene) untilItEnds(ctx context.Context, n *rig.Node, calls failing, leads bool, within time.Duration) error {
	select {
	case <-n.Exited():
	case <-time.After(within):
		s.lateEnd(ctx, n, calls)
	case <-ctx.Done():
	}
	gone := ended(n)
	if gone && leads {
		s.leaderGone()
	}
	if err := calls.Stop(); err != nil {
		return err
	}
	switch hits := calls.Hits(); {
	case hits == 0 && !gone:
		return s.nothing()
	case hits == 0:
		s.complain("%s ended although none of its calls failed (%s); it logged last: %q", n.Name(), s.target, n.LastLog(20))
	}
	n.Kill()
	return s.revive(ctx, n)
}

// lateEnd has a process that was only just hit end, too.
func (s *Scene) lateEnd(ctx context.Context, n *rig.Node, calls failing) {
	if calls.Hits() == 0 {
		return
	}
	select {
	case <-n.Exited():
	case <-time.After(toEnd):
		s.complain("%s goes on although %d calls to its disk failed (%s)", n.Name(), calls.Hits(), s.target)
	case <-ctx.Done():
	}
}

// toEnd is how long a process may take to end after a call of it has failed.
const toEnd = 2 * time.Second

// diskFull is F17. A node may refuse or end, and goes on when there is room again.
func diskFull(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	if s.Rand.IntN(4) > 0 {
		nodes = nodes[:1]
	}
	s.begin(names(nodes), false)
	for _, n := range nodes {
		if err := n.Disk().Fill(); err != nil {
			return err
		}
	}
	s.wait(ctx)
	for _, n := range nodes {
		if err := n.Disk().Free(); err != nil {
			return err
		}
	}
	return s.revive(ctx, nodes...)
}

// slowDisk is F18.
func slowDisk(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	writes := 10 + s.Rand.IntN(60)
	s.begin(fmt.Sprintf("%s, %d writes/s", n.Name(), writes), false)
	if err = n.Disk().Throttle(writes); err != nil {
		return err
	}
	s.wait(ctx)
	if err = n.Disk().Throttle(0); err != nil {
		return err
	}
	return s.revive(ctx, n)
}
