package cluster

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// submit queues commands, in their order, and says where each one is. It takes
// all or none: errNotApplied when this node does not lead, ErrOverloaded when
// the queue is full. But those that there is no room for on some node's disk are
// decided at once: ErrNoSpace.
func (b *batcher) submit(places []place, commands ...[]byte) ([]place, error) {
	size := 0
	for _, command := range commands {
		if len(command) > maxCommandBytes {
			return nil, ErrTooLarge
		}
		size += len(command)
	}
	var refused []bool
	var granted int64
	if b.room.tight.Load() {
		refused, granted = b.withoutRoom(commands)
	}
	places, err := b.enqueue(places, commands, refused, size)
	if err != nil {
		b.room.giveBack(granted)
		return places, err
	}
	b.pump()
	return places, nil
}

// enqueue queues all commands but those that are refused; nil: none is.
func (b *batcher) enqueue(places []place, commands [][]byte, refused []bool, size int) ([]place, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mu.stopped:
		return nil, ErrStopped
	case !b.mu.accepting:
		return nil, errNotApplied
	case b.mu.ops+len(commands) > b.maxOps, b.mu.ops > 0 && b.mu.bytes+size > b.maxBytes:
		return nil, ErrOverloaded
	}
	for i, command := range commands {
		if refused != nil && refused[i] {
			places = append(places, place{batch: refusedForSpace})
		} else {
			places = append(places, b.fillLocked(command))
		}
	}
	return places, nil
}

func (b *batcher) fillLocked(command []byte) place {
	if n := len(b.mu.queue); n == 0 || !b.mu.queue[n-1].fits(len(command)) {
		b.mu.queue = append(b.mu.queue, newBatch())
	}
	b.mu.ops++
	b.mu.bytes += len(command)
	return b.mu.queue[len(b.mu.queue)-1].add(command)
}

// wait waits for the outcome of a command. When ctx ends first, the command is
// withdrawn if it still can be (ErrUnavailable), and otherwise its outcome
// stays unknown.
func (b *batcher) wait(ctx context.Context, p place) (*logv1.Result, error) {
	select {
	case <-p.batch.done:
		return p.batch.outcome(p.slot)
	case <-ctx.Done():
	}
	if b.withdraw(p) {
		return nil, ErrUnavailable
	}
	select {
	case <-p.batch.done:
		return p.batch.outcome(p.slot)
	default:
		return nil, ErrOutcomeUnknown
	}
}

// withdraw takes a command back that was not proposed yet.
func (b *batcher) withdraw(p place) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.batch.taken {
		return false
	}
	b.mu.ops--
	b.mu.bytes -= len(p.batch.commands[p.slot])
	p.batch.bytes -= len(p.batch.commands[p.slot])
	p.batch.commands[p.slot] = nil
	return true
}

// refusedForSpace is the batch of all commands that there is no room for.
var refusedForSpace = func() *batch {
	refused := newBatch()
	refused.taken = true
	refused.decide(nil, ErrNoSpace)
	return refused
}()
