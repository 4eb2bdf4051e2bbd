package cluster

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

// Reads that come while a ReadIndex is on its way share the next one, which
// begins after them.
// Promise D2, guarantee K2
func TestReadsShareAnIndex(t *testing.T) {
	began, finish := make(chan int, 10), make(chan bool)
	count := 0
	r := newReads(func(ctx context.Context, _ <-chan struct{}) bool {
		count++
		began <- count
		select {
		case ok := <-finish:
			return ok
		case <-ctx.Done():
			return false
		}
	}, func() <-chan struct{} { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	var running, readers sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})

	first := make(chan error, 1)
	readers.Go(func() { first <- r.wait(ctx) })
	<-began
	joined := make(chan error, 20)
	for range 20 {
		readers.Go(func() { joined <- r.wait(ctx) })
	}
	for { // until all of them have joined the next group
		r.mu.Lock()
		members := r.mu.waiting.members
		r.mu.Unlock()
		if members == 20 {
			break
		}
		runtime.Gosched()
	}
	finish <- true
	if err := <-first; err != nil {
		t.Error(err)
	}
	if len(joined) != 0 {
		t.Error("a read was served by a ReadIndex that began before it")
	}
	<-began
	finish <- false // Raft dropped it
	if n := <-began; n != 3 {
		t.Errorf("ReadIndex number %d, want 3", n)
	}
	finish <- true
	readers.Wait()
	for range 20 {
		if err := <-joined; err != nil {
			t.Error(err)
		}
	}
}

// A read ends with its context, and nothing is asked for reads that all gave up.
func TestReadGivesUp(t *testing.T) {
	r := newReads(func(context.Context, <-chan struct{}) bool {
		t.Error("asked although nobody waits")
		return false
	}, func() <-chan struct{} { return nil })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.wait(over); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a read without time: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	stop()
	running.Wait()
}
