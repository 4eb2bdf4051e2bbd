package conclave

import (
	"context"
	"math/rand/v2"
	"time"
)

// How long a call waits before it tries again: a random time up to a bound that
// doubles from the first to the last.
const (
	backoffFirst = 25 * time.Millisecond
	backoffLast  = time.Second
)

// leastAttempt is how much time there has to be for one more attempt.
const leastAttempt = 50 * time.Millisecond

// backoff counts failures in a row.
type backoff struct {
	failures int
}

// next is how long to wait after one more failure. As many failures as there
// are other nodes are free: one of these may answer at once.
func (b *backoff) next(free int) time.Duration {
	b.failures++
	if b.failures <= free {
		return 0
	}
	doublings := min(b.failures-free-1, 10)
	bound := min(backoffFirst<<doublings, backoffLast)
	return rand.N(bound)
}

func (b *backoff) reset() { b.failures = 0 }

// effect is what doing a request twice means.
type effect int

const (
	// reads change nothing.
	reads effect = iota
	// once is for requests with a request id: however often they are sent, they
	// take effect once.
	once
	// repeats is for requests that take effect each time they arrive.
	repeats
)

// attempts is one call over all its attempts.
type attempts struct {
	client *Client
	effect effect

	backoff backoff
	last    *Error // of the newest attempt
	unknown bool   // an attempt may have done something
}

// ended reports why no further attempt should be made, nil if one should.
func (a *attempts) ended(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, a.last, a.unknown)
	case a.client.ctx.Err() != nil:
		return context.Cause(a.client.ctx)
	}
	return nil
}

// failed decides what follows the failure of an attempt at a node: nil to try
// again, or the error that the caller gets.
func (a *attempts) failed(ctx context.Context, at *node, err error) error {
	e := fromWire(err).from(at)
	full := e.Reason == reasonNoSpace
	if !e.retryable() && !(full && a.unknown) { // this attempt did nothing, but an earlier one may have
		return e
	}
	a.unknown = a.unknown || (a.effect != reads && !e.harmless())
	if ctx.Err() != nil {
		// The attempt was cut short, so its own error says nothing new.
		return interrupted(ctx, a.last, a.unknown)
	}
	a.last = e
	if a.unknown && a.effect == repeats {
		told := *e
		told.Reason = reasonOutcomeUnknown
		told.Message = "it may or may not have happened: " + e.Message
		return &told
	}

	free := len(a.client.endpoints.nodes) - 1
	if e.elsewhere() {
		a.client.endpoints.leave(at)
	} else {
		free = 0 // the leader is meant, whoever was asked
	}
	wait := a.backoff.next(free)
	if !e.crowded || a.backoff.failures > free { // else the next node is asked at once
		wait = max(wait, e.RetryAfter)
	}
	if e.elsewhere() && a.backoff.failures > free {
		a.client.warnThatNoneServes(e)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait+leastAttempt {
		// An attempt that is cut short would only make the outcome unknown.
		wait = max(wait, time.Until(deadline)+leastAttempt)
	}
	a.client.log.Debug("trying again", "endpoint", at.url, "after", wait, "error", e)
	if !pause(ctx, wait) {
		return interrupted(ctx, a.last, a.unknown)
	}
	return nil
}
