package feed

import (
	"context"
	"errors"
	"sync"

	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// ErrLagging says that the subscriber was too slow and events were dropped. The
// subscription goes on; the subscriber reads the state to catch up, from behind
// the revision of the batch that comes with the error: it had everything up to
// that.
var ErrLagging = errors.New("feed: the subscriber is too slow, events were dropped")

// ErrReset says that the replica's state was replaced by a snapshot, or that
// the namespace was dropped. The subscription goes on; the subscriber reads the
// state again.
var ErrReset = errors.New("feed: the state was replaced")

// ErrClosed says that the subscription or its feed was closed.
var ErrClosed = errors.New("feed: closed")

// Batch is what was pending on a subscription.
type Batch struct {
	// Events are in the order of their commits. They are shared: read only.
	Events []*logv1.Event
	// Revision of the namespace up to which the subscription has everything.
	Revision int64
	// Index is the log index up to which the subscription has everything.
	Index uint64
}

// Subscription is a stream of the events of one filter. One goroutine reads it.
type Subscription struct {
	feed   *Feed
	filter Filter
	start  uint64
	// slot is the place in the topic, guarded by feed.mu.
	slot int
	// wake holds a token when there may be something to take, unless ready is
	// called then.
	wake  chan struct{}
	ready func()
	// budget is what the pending events are counted against, if it is set.
	budget *Budget

	mu struct {
		sync.Mutex
		chunks []chunk
		// count and bytes are of all events in chunks.
		count, bytes int
		// interrupted is ErrLagging or ErrReset until Next has told it, and reached
		// the revision up to which nothing was dropped, or 0.
		interrupted error
		reached     int64
		ended       error
	}
}

// chunk is what one Publish has for the subscribers of a topic, who share it.
type chunk struct {
	events []*logv1.Event
	bytes  int
	index  uint64
}

// StartIndex is the log index after which the subscription has every event.
func (s *Subscription) StartIndex() uint64 { return s.start }

// Next waits until something is pending and returns all of it. After ErrLagging
// or ErrReset it can be called again.
func (s *Subscription) Next(ctx context.Context) (Batch, error) {
	for {
		if batch, ok, err := s.Poll(); ok || err != nil {
			return batch, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// Poll is Next without waiting: ok is false when no event is pending. Even then
// the batch's Revision and Index tell how far the subscription is, which is a
// bookmark.
func (s *Subscription) Poll() (batch Batch, ok bool, err error) {
	// The progress is read first: what was published up to it has been
	// delivered, so it is among what is taken after.
	batch.Revision, batch.Index = s.feed.progress(s.filter.namespace)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ended != nil {
		return Batch{}, false, s.mu.ended
	}
	if err := s.mu.interrupted; err != nil {
		s.mu.interrupted = nil
		return Batch{Revision: s.mu.reached}, false, err
	}
	if s.mu.count == 0 {
		return batch, false, nil
	}

	if len(s.mu.chunks) == 1 {
		batch.Events = s.mu.chunks[0].events
	} else {
		batch.Events = make([]*logv1.Event, 0, s.mu.count)
		for _, c := range s.mu.chunks {
			batch.Events = append(batch.Events, c.events...)
		}
	}
	batch.Index = max(batch.Index, s.mu.chunks[len(s.mu.chunks)-1].index)
	batch.Revision = max(batch.Revision, batch.Events[len(batch.Events)-1].GetRevision())
	s.dropLocked()
	return batch, true, nil
}

// Close ends the subscription; a waiting Next returns ErrClosed.
func (s *Subscription) Close() {
	s.feed.unsubscribe(s)
	s.end(ErrClosed)
}

// deliver adds a chunk, all or none of it.
func (s *Subscription) deliver(c chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.mu.ended != nil || s.mu.interrupted != nil {
		return
	}
	// One publication larger than the buffer still fits into an empty one:
	// otherwise its subscriber could never get through.
	full := s.mu.count+len(c.events) > s.feed.buffer || s.mu.bytes+c.bytes > maxPendingBytes
	if planted.Bug == planted.SlowWatchDrops && s.mu.count > 0 && full {
		return // mutant_11 (etcd #17529): who is slow misses changes and is not told
	}
	if s.mu.count > 0 && full || !s.budget.take(c.bytes) {
		s.interruptLocked(ErrLagging, c.events[0].GetRevision()-1)
		return
	}
	s.mu.chunks = append(s.mu.chunks, c)
	s.mu.count += len(c.events)
	s.mu.bytes += c.bytes
	s.signal()
}

// dropLocked forgets what is pending, but not all the memory for it.
func (s *Subscription) dropLocked() {
	clear(s.mu.chunks)
	s.mu.chunks = s.mu.chunks[:0]
	if cap(s.mu.chunks) > 4 {
		s.mu.chunks = nil
	}
	s.budget.give(s.mu.bytes)
	s.mu.count, s.mu.bytes = 0, 0
}

// interrupt drops what is pending. Up to the revision reached there was nothing
// else.
func (s *Subscription) interrupt(err error, reached int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ended == nil {
		s.interruptLocked(err, reached)
	}
}

func (s *Subscription) interruptLocked(err error, reached int64) {
	if s.mu.interrupted != nil {
		reached = min(reached, s.mu.reached)
	}
	if s.mu.count > 0 {
		reached = min(reached, s.mu.chunks[0].events[0].GetRevision()-1)
	}
	s.dropLocked()
	s.mu.interrupted, s.mu.reached = err, reached
	s.signal()
}

func (s *Subscription) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked()
	s.mu.ended = err
	s.signal()
}

func (s *Subscription) signal() {
	if s.ready != nil {
		s.ready()
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
