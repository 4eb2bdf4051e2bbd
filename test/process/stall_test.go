package process

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// How often stalls looks whether the machine goes on, and how long that takes on
// one that does.
const (
	stallEvery     = 20 * time.Millisecond
	stallAllowance = 100 * time.Millisecond
)

// stalls measures for how long the machine, or its disk, has stood still: as long
// as this process could not run and write a byte, nodes could not either. What has
// to happen within a time has to within that time of a machine that goes on.
type stalls struct {
	mu    sync.Mutex // protects what follows
	over  time.Duration
	began time.Time // the current look
}

// watchStalls measures until the test ends.
func watchStalls(t testing.TB) *stalls {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "byte"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stalls{began: time.Now()}
	end := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(stallEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-end:
				return
			}
			_, err1 := file.WriteAt([]byte{1}, 0)
			if err2 := file.Sync(); err1 != nil || err2 != nil {
				t.Errorf("the disk: %v, %v", err1, err2)
				return
			}
			s.look()
		}
	})
	t.Cleanup(func() {
		close(end)
		looking.Wait()
		_ = file.Close()
	})
	return s
}

// look ends one look and begins the next one.
func (s *stalls) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.over += max(0, now.Sub(s.began)-stallAllowance)
	s.began = now
}

// soFar is how long it has been, with the stall that there is now.
func (s *stalls) soFar() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over + max(0, time.Since(s.began)-stallAllowance)
}

// stopwatch begins to measure how long something takes without stalls.
func (s *stalls) stopwatch() (took func() time.Duration) {
	began, before := time.Now(), s.soFar()
	return func() time.Duration { return time.Since(began) - (s.soFar() - before) }
}
