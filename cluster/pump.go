package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lni/dragonboat/v4"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// proposePause is how long a proposal waits after Raft was too busy for it or,
// in the middle of a leader transfer, dropped it.
const proposePause = 10 * time.Millisecond

// flight is a batch that was handed to Raft.
type flight struct {
	batch *batch
	state proposal // nil once Raft has nothing more to say
}

// run proposes batches until ctx ends. It is the only goroutine that proposes
// for its shard, but for claims.
func (b *batcher) run(ctx context.Context) {
	var buffer []byte
	var flights []flight
	for ctx.Err() == nil {
		flights = b.landed(flights)
		if len(flights) < maxInFlight {
			if next := b.take(); next != nil {
				var state proposal
				state, buffer = b.launch(ctx, next, buffer)
				flights = append(flights, flight{next, state})
				continue
			}
		}
		b.idle(ctx, flights)
	}
}

// landed drops the flights that are decided or of an epoch that is over.
func (b *batcher) landed(flights []flight) []flight {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := flights[:0]
	for _, f := range flights {
		_, undecided := b.mu.undecided[f.batch.id]
		if undecided && b.mu.serving && f.batch.epoch == b.mu.epoch {
			kept = append(kept, f)
		}
	}
	return kept
}

// take makes the oldest batch the next one in flight.
func (b *batcher) take() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.mu.serving && !b.mu.held && len(b.mu.queue) > 0 {
		next := b.mu.queue[0]
		b.mu.queue[0] = nil
		b.mu.queue = b.mu.queue[1:]
		next.taken = true
		n := live(next.commands)
		b.mu.ops -= n
		b.mu.bytes -= next.bytes
		if n > 0 {
			b.registerLocked(next, b.mu.epoch)
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

// launch proposes a batch, again and again while Raft certainly did not take
// it and the epoch lasts. It returns the buffer for the next one.
func (b *batcher) launch(ctx context.Context, next *batch, buffer []byte) (proposal, []byte) {
	for {
		buffer = next.encode(buffer[:0], &logv1.Header{
			Epoch: next.epoch, ClockMs: b.clock.now(), WallMs: wallMS(), BatchId: next.id,
		})
		state, err := b.propose(buffer)
		if cap(buffer) > 2*maxBatchBytes {
			buffer = nil
		}
		if err == nil {
			return state, buffer
		}
		if !b.again(ctx, next, err) {
			return nil, buffer
		}
	}
}

// again waits a moment before a batch that Raft did not take is proposed again.
// It is false, and the batch is decided, when that makes no sense any more.
func (b *batcher) again(ctx context.Context, next *batch, cause error) bool {
	permanent := !errors.Is(cause, dragonboat.ErrSystemBusy) && !errors.Is(cause, dragonboat.ErrShardNotReady)
	if !permanent {
		timer := time.NewTimer(proposePause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	b.mu.Lock()
	_, undecided := b.mu.undecided[next.id]
	sensible := undecided && !permanent && ctx.Err() == nil && b.mu.serving && next.epoch == b.mu.epoch
	b.mu.Unlock()
	if !sensible {
		b.refuse(next)
	}
	return sensible
}

// idle waits until there is something to do: a command came, a batch was
// decided, or Raft said something about the oldest one.
func (b *batcher) idle(ctx context.Context, flights []flight) {
	var state proposal
	var said <-chan dragonboat.RequestResult
	if len(flights) > 0 && flights[0].state != nil {
		state = flights[0].state
		said = state.ResultC()
	}
	select {
	case <-ctx.Done():
	case <-b.wake:
	case result := <-said:
		// What Raft says of an entry that it took is not news: the result came
		// with the applied entry, and a timeout only means that there is none
		// yet. A dropped entry is not in the log.
		state.Release()
		flights[0].state = nil
		if result.Dropped() && b.again(ctx, flights[0].batch, dragonboat.ErrShardNotReady) {
			flights[0].state, _ = b.launch(ctx, flights[0].batch, nil)
		}
	}
}
