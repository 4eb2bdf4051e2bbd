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
	defer cancel()
	var readers sync.WaitGroup

	first := make(chan error, 1)
	readers.Go(func() { first <- r.wait(ctx) })
	<-began
	joined := make(chan error, 20)
	for range 20 {
		readers.Go(func() { joined <- r.wait(ctx) })
	}
	r.joined(20)
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

// A read ends with its context. Who asked leaves it to another, nothing is asked
// for reads that all gave up, and the next read asks again.
func TestReadGivesUp(t *testing.T) {
	asked, answer := make(chan struct{}, 10), make(chan bool)
	r := newReads(func(ctx context.Context, _ <-chan struct{}) bool {
		asked <- struct{}{}
		select {
		case ok := <-answer:
			return ok
		case <-ctx.Done():
			return false
		}
	}, func() <-chan struct{} { return nil })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.wait(over); !errors.Is(err, ErrUnavailable) || len(asked) != 0 {
		t.Errorf("a read without time: %v, asked %d times", err, len(asked))
	}

	ctx, cancel := context.WithCancel(t.Context())
	read := func(ctx context.Context) <-chan error {
		ended := make(chan error, 1)
		go func() { ended <- r.wait(ctx) }()
		return ended
	}
	first := read(ctx)
	<-asked
	second, third := read(ctx), read(t.Context())
	r.joined(2)
	cancel()
	for _, ended := range []<-chan error{first, second} {
		if err := <-ended; !errors.Is(err, ErrUnavailable) {
			t.Errorf("a read that was given up: %v", err)
		}
	}
	<-asked // the third, now alone
	answer <- true
	if err := <-third; err != nil {
		t.Error(err)
	}

	fourth := read(t.Context())
	<-asked
	answer <- true
	if err := <-fourth; err != nil {
		t.Error(err)
	}
}

// joined returns when so many reads wait for the next ReadIndex.
func (r *reads) joined(n int) {
	for {
		r.mu.Lock()
		members := r.mu.waiting.members
		r.mu.Unlock()
		if members == n {
			return
		}
		runtime.Gosched()
	}
}
