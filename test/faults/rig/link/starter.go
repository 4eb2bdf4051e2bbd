//go:build linux

package link

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// starter is a thread that visits other network namespaces. It lives until stop,
// because what it has started ends with it.
type starter struct {
	work    chan visit
	stopped chan struct{}
	once    sync.Once
}

type visit struct {
	to   *os.File // a namespace, nil for that of the harness
	do   func() error
	done chan error
}

func newStarter() *starter {
	s := &starter{work: make(chan visit), stopped: make(chan struct{})}
	go s.run()
	return s
}

func (s *starter) run() {
	runtime.LockOSThread() // and never unlocked: the thread ends here
	defer close(s.stopped)
	home, err := currentNamespace()
	if err != nil {
		for v := range s.work {
			v.done <- err
		}
		return
	}
	defer func() { _ = home.Close() }()
	for v := range s.work {
		v.done <- s.visit(home, v)
	}
}

func (s *starter) visit(home *os.File, v visit) error {
	if v.to != nil {
		if err := unix.Setns(int(v.to.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
	}
	// Also when do has made a namespace.
	return errors.Join(v.do(), unix.Setns(int(home.Fd()), unix.CLONE_NEWNET))
}

// in runs do on the thread, in a namespace or, if that is nil, at home.
func (s *starter) in(namespace *os.File, do func() error) error {
	v := visit{to: namespace, do: do, done: make(chan error, 1)}
	select {
	case s.work <- v:
		return <-v.done
	case <-s.stopped:
		return errors.New("the network is closed")
	}
}

// stop ends the thread, and with it the processes that it started. Nobody may be
// in any more.
func (s *starter) stop() {
	s.once.Do(func() { close(s.work) })
	<-s.stopped
}

// currentNamespace is the network namespace of this thread.
func currentNamespace() (*os.File, error) {
	return os.Open("/proc/thread-self/ns/net")
}
