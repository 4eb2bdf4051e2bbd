package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lni/dragonboat/v4"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// proposePause is how long a proposal waits after Raft was too busy for it
	// or, in the middle of a leader transfer, dropped it.
	proposePause = 10 * time.Millisecond
	// lookPause is how often run looks whether Raft dropped what is in flight.
	// It does so in a leader transfer only, and says so nowhere else.
	lookPause = 50 * time.Millisecond
)

// flight is a batch that was handed to Raft.
type flight struct {
	batch *batch
	state proposal // nil once Raft has nothing more to say
}

// pump proposes what waits, while there is room in flight. Whoever brings a
// command and whoever decides a batch calls it and proposes in its own
// goroutine, because a change of goroutines costs as much as the rest of the way
// to Raft. While one of them proposes, it does so for the others too.
func (b *batcher) pump() {
	for {
		next := b.take()
		if next == nil {
			return
		}
		state, err := b.propose(b.encode(next))
		b.launched(next, state, err)
	}
}

// take makes the oldest batch the next one in flight; nil when there is none, or
// no room, or when somebody else proposes. Who gets one proposes.
func (b *batcher) take() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.mu.serving && !b.mu.held && !b.mu.proposing && len(b.mu.flights) < maxInFlight && len(b.mu.queue) > 0 {
		next := b.mu.queue[0]
		b.mu.queue[0] = nil
		b.mu.queue = b.mu.queue[1:]
		next.taken = true
		n := live(next.commands)
		b.mu.ops -= n
		b.mu.bytes -= next.bytes
		if n > 0 {
			b.registerLocked(next, b.mu.epoch)
			b.mu.proposing = true
			return next
		}
		next.decide(nil, errNotApplied) // all of its callers have gone
	}
	return nil
}

func (b *batcher) registerLocked(batch *batch, epoch uint64) {
	b.mu.nextID++
	batch.id, batch.epoch = b.mu.nextID, epoch
	b.mu.undecided[batch.id] = batch
}

// encode makes the entry of a batch. Raft copies it. It is for who proposes.
func (b *batcher) encode(next *batch) []byte {
	if cap(b.buffer) > 2*maxBatchBytes {
		b.buffer = nil
	}
	b.buffer = next.encode(b.buffer[:0], &logv1.Header{
		Epoch: next.epoch, ClockMs: b.clock.now(), WallMs: wallMS(), BatchId: next.id,
	})
	return b.buffer
}

// launched notes what Raft said to a proposal. One that it did not take is left
// to run, which then is who proposes.
func (b *batcher) launched(next *batch, state proposal, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.mu.stalled = &stalled{next, err}
		b.signal()
		return
	}
	b.mu.proposing = false
	if b.mu.undecided[next.id] == nil || !b.mu.serving || next.epoch != b.mu.epoch {
		return // it is decided already, or its epoch is over
	}
	b.mu.flights = append(b.mu.flights, flight{next, state})
	if !b.mu.looking {
		b.mu.looking = true
		b.signal()
	}
}

// stalled is a batch that Raft did not take, and why.
type stalled struct {
	batch *batch
	cause error
}

// run does what nobody else has the time for, until ctx ends: it proposes again
// what Raft did not take, or dropped later.
func (b *batcher) run(ctx context.Context) {
	timer := time.NewTimer(lookPause)
	defer timer.Stop()
	for ctx.Err() == nil {
		for next := b.trouble(); next != nil; next = b.trouble() {
			b.retry(ctx, next)
		}
		b.pump()
		var look <-chan time.Time
		if b.flying() {
			timer.Reset(lookPause)
			look = timer.C
		}
		select {
		case <-ctx.Done():
		case <-b.wake:
		case <-look:
		}
	}
}

// trouble returns a batch that has to be proposed again, which makes run who
// proposes.
func (b *batcher) trouble() *stalled {
	b.mu.Lock()
	defer b.mu.Unlock()
	if next := b.mu.stalled; next != nil {
		b.mu.stalled = nil
		return next
	}
	if b.mu.proposing {
		return nil
	}
	for i := range b.mu.flights {
		if f := &b.mu.flights[i]; f.dropped() {
			next := &stalled{f.batch, dragonboat.ErrShardNotReady}
			b.landedLocked(f.batch)
			b.mu.proposing = true
			return next
		}
	}
	return nil
}

// dropped says whether Raft forgot the entry. Nothing else that it says of an
// entry that it took is news: the result comes with the applied entry, and a
// timeout only means that there is none yet.
func (f *flight) dropped() bool {
	if f.state == nil {
		return false
	}
	select {
	case result := <-f.state.ResultC():
		f.state.Release()
		f.state = nil
		return result.Dropped()
	default:
		return false
	}
}

// retry proposes a batch again and again while Raft certainly does not take it
// and its epoch lasts.
func (b *batcher) retry(ctx context.Context, next *stalled) {
	for b.again(ctx, next) {
		state, err := b.propose(b.encode(next.batch))
		if err == nil {
			b.launched(next.batch, state, nil)
			return
		}
		next.cause = err
	}
	b.refuse(next.batch)
	b.mu.Lock()
	b.mu.proposing = false
	b.mu.Unlock()
}

// again waits a moment. It is false when it makes no sense to propose the batch
// again.
func (b *batcher) again(ctx context.Context, next *stalled) bool {
	if !errors.Is(next.cause, dragonboat.ErrSystemBusy) && !errors.Is(next.cause, dragonboat.ErrShardNotReady) {
		return false
	}
	timer := time.NewTimer(proposePause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.undecided[next.batch.id] != nil && b.mu.serving && next.batch.epoch == b.mu.epoch
}

// flying says whether something is in flight, and if not, that nobody looks
// after it any more.
func (b *batcher) flying() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.looking = len(b.mu.flights) > 0
	return b.mu.looking
}

// landedLocked makes room for the next batch.
func (b *batcher) landedLocked(landed *batch) {
	for i, f := range b.mu.flights {
		if f.batch == landed {
			b.mu.flights = append(b.mu.flights[:i], b.mu.flights[i+1:]...)
			return
		}
	}
}
