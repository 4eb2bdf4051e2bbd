package conclave

import (
	"context"
	"sync"
	"time"
)

// margin is how long before the service's own deadline a hold ends here: for
// clocks that run apart, and for the holder to notice.
func margin(ttl time.Duration) time.Duration {
	return min(ttl/10, time.Second)
}

// deadline ends a context at hold-until (promise T5): the send time of the last
// acknowledged renewal, plus TTL, minus margin. A timer does it when no packet
// arrives; and whoever asks the context after that time gets the right answer,
// even if this process was stopped and the timer has not fired yet.
type deadline struct {
	expired func() error // makes the cause
	cancel  context.CancelCauseFunc

	mu    sync.Mutex // protects what follows
	sent  stamp
	span  time.Duration // from sent to hold-until
	ended bool
	timer *time.Timer
}

// newDeadline starts with a grant that was sent at that time, and returns a
// child of parent that ends at hold-until.
func newDeadline(parent context.Context, sent stamp, ttl time.Duration, expired func() error) (*deadline, context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	d := &deadline{expired: expired, cancel: cancel, sent: sent, span: ttl - margin(ttl)}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer = time.AfterFunc(d.leftLocked(), d.ring)
	return d, &liveContext{ctx, func() {
		_ = parent.Err() // ends ctx too, if the parent is over by the clock
		d.passed()
	}}
}

// extend takes over an acknowledged renewal. It reports false when hold-until
// has passed already: what ended stays ended, whatever the service says later.
func (d *deadline) extend(sent stamp, ttl time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.endLocked() {
		return false
	}
	d.sent, d.span = sent, ttl-margin(ttl)
	if d.endLocked() {
		return false
	}
	d.timer.Reset(d.leftLocked())
	return true
}

// passed reports whether hold-until has passed, and ends the context if so.
func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.endLocked()
}

// left is the time until hold-until.
func (d *deadline) left() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return 0
	}
	return max(0, d.leftLocked())
}

// stop ends the context before its time.
func (d *deadline) stop(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	d.timer.Stop()
	d.cancel(cause)
}

// ring is the timer's. It may be early: the deadline was moved meanwhile, or the
// clocks disagree about how long ago the renewal was sent.
func (d *deadline) ring() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.endLocked() {
		d.timer.Reset(d.leftLocked())
	}
}

func (d *deadline) leftLocked() time.Duration { return d.span - d.sent.age() }

func (d *deadline) endLocked() bool {
	if d.ended {
		return true
	}
	if d.leftLocked() > 0 {
		return false
	}
	d.ended = true
	d.timer.Stop()
	d.cancel(d.expired())
	return true
}

// liveContext asks the clock before it says that it is not over: ask ends the
// context inside if it is. Contexts that are derived from it cost no goroutine,
// because they hang on the one inside.
type liveContext struct {
	context.Context
	ask func()
}

// Err is as in context.Context.
func (c *liveContext) Err() error {
	c.ask()
	return c.Context.Err()
}
