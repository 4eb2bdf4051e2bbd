package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/rig/link"
)

// memoryLimit is F23. The kernel may kill the process; it is started again then.
func memoryLimit(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	used, err := n.RSS()
	if err != nil {
		return err
	}
	limit := int64(float64(used) * (0.4 + 0.7*s.Rand.Float64()))
	s.begin(fmt.Sprintf("%s, %d MiB of %d", n.Name(), limit>>20, used>>20), s.leads(ctx, n))
	if err = n.LimitMemory(limit); err != nil {
		return err
	}
	s.wait(ctx)
	if err = n.LimitMemory(0); err != nil {
		return err
	}
	if err = s.revive(ctx, n); err != nil && ended(n) {
		return s.revive(ctx, n) // the kernel had killed it, and was not done yet
	}
	return err
}

// fileLimit is F24. The process must live through it.
func fileLimit(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	open, err := n.OpenFiles()
	if err != nil {
		return err
	}
	s.begin(n.Name(), false)
	before, err := n.LimitFiles(uint64(max(3, open-s.Rand.IntN(6))))
	if err != nil {
		return err
	}
	// Connections are broken, so that new ones have to be made.
	for _, other := range s.others(n) {
		if err = s.Cluster.Network().Reset(n.Name(), other.Name()); err != nil {
			return err
		}
	}
	if err = s.Cluster.Network().Reset(n.Name(), link.Clients); err != nil {
		return err
	}
	s.wait(ctx)
	// The process may end at this very moment.
	switch _, err = n.LimitFiles(before); {
	case ended(n), errors.Is(err, syscall.ESRCH):
		s.whyEnded(n)
	case err != nil:
		return err
	}
	return s.revive(ctx, n)
}

// whyEnded lets a process end for want of files only where it could not write what
// it had to: storage may stop it, the network may not.
func (s *Scene) whyEnded(n *rig.Node) {
	said := strings.Join(n.LastLog(20), "\n")
	if !strings.Contains(said, "too many open files") || strings.Contains(said, "panic") {
		s.complain("%s ended although only its files were limited: %s", n.Name(), said)
	}
}

// overload is F27.
func overload(ctx context.Context, s *Scene) error {
	switch s.Rand.IntN(3) {
	case 0:
		return s.slowProcessor(ctx)
	case 1:
		return s.slowReader(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Hold)
	defer cancel()
	client, err := s.aside(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	s.begin("2000 callers", false)
	value := strings.Repeat("x", 4096)
	var callers sync.WaitGroup
	for i := range 2000 {
		callers.Go(func() {
			for ctx.Err() == nil {
				_, _ = client.Put(ctx, fmt.Sprintf("k/%d", i%500), value)
			}
		})
	}
	callers.Wait()
	return nil
}

// Aside is a namespace for what faults write, which no checker looks at.
const Aside = "aside"

// aside dials a client of the namespace Aside; it connects with its first call.
func (s *Scene) aside(ctx context.Context, more ...conclave.Option) (*conclave.Client, error) {
	return conclave.Dial(ctx, s.Client.Endpoints(), append(more, conclave.WithNamespace(Aside), conclave.WithRequestTimeout(time.Second))...)
}

// slowProcessor gives one node a tenth of a processor.
func (s *Scene) slowProcessor(ctx context.Context) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name()+", a tenth of a processor", false)
	if err = n.LimitCPU(0.1); err != nil {
		return err
	}
	s.wait(ctx)
	if err = n.LimitCPU(0); err != nil {
		return err
	}
	return s.revive(ctx, n)
}
