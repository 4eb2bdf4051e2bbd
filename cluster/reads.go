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
// is covered by a ReadIndex that began after the read did.
type reads struct {
	// readIndex makes this replica catch up with what was committed when it
	// began, if it can be done now.
	readIndex func(ctx context.Context, moved <-chan struct{}) bool
	// moved is closed when the leader changes.
	moved func() <-chan struct{}

	// wake holds a token when waiting has members.
	wake chan struct{}

	mu struct {
		sync.Mutex
		waiting *readGroup
	}
}

// readGroup is the reads that one ReadIndex serves. done is closed when its
// index is applied here.
type readGroup struct {
	done    chan struct{}
	members int // guarded by reads.mu; 0 again when all have given up
}

func newReads(readIndex func(context.Context, <-chan struct{}) bool, moved func() <-chan struct{}) *reads {
	r := &reads{readIndex: readIndex, moved: moved, wake: make(chan struct{}, 1)}
	r.mu.waiting = &readGroup{done: make(chan struct{})}
	return r
}

// wait returns when this replica has applied everything that was acknowledged
// before the call.
func (r *reads) wait(ctx context.Context) error {
	r.mu.Lock()
	group := r.mu.waiting
	group.members++
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	select {
	case <-group.done:
		return nil
	case <-ctx.Done():
		r.mu.Lock()
		group.members--
		r.mu.Unlock()
		return ErrUnavailable
	}
}

// run serves groups until ctx ends.
func (r *reads) run(ctx context.Context) {
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		group := r.mu.waiting
		r.mu.waiting = &readGroup{done: make(chan struct{})}
		r.mu.Unlock()
		if r.serve(ctx, group) {
			close(group.done)
		}
	}
}

// serve does a ReadIndex for a group, as often as it takes while somebody waits
// for it.
func (r *reads) serve(ctx context.Context, group *readGroup) bool {
	for r.wanted(group) {
		moved := r.moved()
		if r.readIndex(ctx, moved) {
			return true
		}
		if !pause(ctx, moved, readPause) && ctx.Err() != nil {
			return false
		}
	}
	return false
}

func (r *reads) wanted(group *readGroup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return group.members > 0
}
