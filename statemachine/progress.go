package statemachine

import (
	"context"
	"sync"
	"sync/atomic"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// progress is how far the replica is. It is written by the apply goroutine and
// read by any.
type progress struct {
	applied atomic.Uint64
	epoch   atomic.Uint64
	clock   atomic.Int64

	mu      sync.Mutex
	closed  bool
	waiters map[*waiter]struct{}
}

// waiter waits until an index is applied. done is closed then, or when the
// machine is closed.
type waiter struct {
	index uint64
	done  chan struct{}
}

// advance publishes how far the replica is and wakes whoever waited for it.
func (p *progress) advance(shard *storagev1.ShardRecord) {
	p.epoch.Store(shard.GetEpoch())
	p.clock.Store(shard.GetClockMs())
	applied := shard.GetAppliedIndex()

	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied.Store(applied)
	for w := range p.waiters {
		if w.index <= applied {
			close(w.done)
			delete(p.waiters, w)
		}
	}
}

// wait blocks until the index is applied.
func (p *progress) wait(ctx context.Context, index uint64) error {
	if p.applied.Load() >= index {
		return nil
	}
	w := p.register(index)
	if w == nil {
		return ErrClosed
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.waiters, w)
		p.mu.Unlock()
		return ctx.Err()
	}
	if p.applied.Load() < index {
		return ErrClosed
	}
	return nil
}

// register makes a waiter; nil when the machine is closed. The waiter of an
// index that is applied already is done.
func (p *progress) register(index uint64) *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()

	w := &waiter{index: index, done: make(chan struct{})}
	if p.applied.Load() >= index {
		close(w.done)
		return w
	}
	if p.closed {
		return nil
	}
	if p.waiters == nil {
		p.waiters = make(map[*waiter]struct{})
	}
	p.waiters[w] = struct{}{}
	return w
}

// close wakes all waiters; later ones fail unless their index is applied.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for w := range p.waiters {
		close(w.done)
	}
	clear(p.waiters)
}

// Applied returns the log index of the last applied entry. Its effects are
// visible to queries.
func (m *Machine) Applied() uint64 { return m.progress.applied.Load() }

// WaitApplied waits until the entry at a log index has been applied.
func (m *Machine) WaitApplied(ctx context.Context, index uint64) error {
	return m.progress.wait(ctx, index)
}

// Epoch returns the term of the last leader that claimed the shard.
func (m *Machine) Epoch() uint64 { return m.progress.epoch.Load() }

// Clock returns the log clock in milliseconds.
func (m *Machine) Clock() int64 { return m.progress.clock.Load() }
