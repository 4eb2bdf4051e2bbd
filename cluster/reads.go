package cluster

import (
	"context"
	"sync"
	"time"
)

// readTimeout is when a ReadIndex that got no answer is tried again. A follower
// that lost its leader is not told that its request is lost.
const readTimeout = 2 * time.Second

// readPause is how long to wait after Raft dropped a ReadIndex, as it does
// without a leader and right after an election.
const readPause = 10 * time.Millisecond

// reads makes linearizable reads: one ReadIndex is on its way at a time, and
// those who come meanwhile wait together for the next one. A read that waits
// is covered by a ReadIndex that began after the read did. One of those who wait
// asks, for all of them, so that one read alone changes goroutines for Raft only.
type reads struct {
	// readIndex makes this replica catch up with what was committed when it
	// began, if it can be done now.
	readIndex func(ctx context.Context, moved <-chan struct{}) bool
	// moved is closed when the leader changes.
	moved func() <-chan struct{}

	mu struct {
		sync.Mutex
		waiting *readGroup
		asking  bool // somebody asks, or has the baton
	}
}

// readGroup is the reads that one ReadIndex serves.
type readGroup struct {
	// done is closed when the index is applied here.
	done chan struct{}
	// baton makes who takes it the one who asks.
	baton   chan struct{}
	members int // guarded by reads.mu; 0 again when all have given up
}

func newReadGroup() *readGroup {
	return &readGroup{done: make(chan struct{}), baton: make(chan struct{}, 1)}
}

func newReads(readIndex func(context.Context, <-chan struct{}) bool, moved func() <-chan struct{}) *reads {
	r := &reads{readIndex: readIndex, moved: moved}
	r.mu.waiting = newReadGroup()
	return r
}

// wait returns when this replica has applied everything that was acknowledged
// before the call.
func (r *reads) wait(ctx context.Context) error {
	r.mu.Lock()
	group := r.mu.waiting
	group.members++
	asks := !r.mu.asking
	r.mu.asking = true
	r.mu.Unlock()
	if asks {
		return r.ask(ctx, group)
	}
	select {
	case <-group.done:
		return nil
	case <-group.baton:
		return r.ask(ctx, group)
	case <-ctx.Done():
	}
	r.leave(group)
	return ErrUnavailable
}

// ask does a ReadIndex for a group, as often as it takes while its own read
// waits, and then has somebody else ask for those who still wait.
func (r *reads) ask(ctx context.Context, group *readGroup) error {
	r.mu.Lock()
	if group == r.mu.waiting {
		r.mu.waiting = newReadGroup()
	}
	r.mu.Unlock()
	for ctx.Err() == nil {
		moved := r.moved()
		if r.readIndex(ctx, moved) {
			close(group.done)
			r.pass(nil)
			return nil
		}
		pause(ctx, moved, readPause)
	}
	r.mu.Lock()
	group.members--
	r.mu.Unlock()
	r.pass(group)
	return ErrUnavailable
}

// leave gives up a read that does not ask, unless it was just told to.
func (r *reads) leave(group *readGroup) {
	r.mu.Lock()
	group.members--
	r.mu.Unlock()
	select {
	case <-group.baton:
		r.pass(group)
	default:
	}
}

// pass has a member of a group ask, or one of the next group when there is none.
func (r *reads) pass(group *readGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if group == nil || group.members == 0 {
		group = r.mu.waiting
	}
	if group.members == 0 {
		r.mu.asking = false
		return
	}
	group.baton <- struct{}{} // there is only one
}
