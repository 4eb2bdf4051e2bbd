package cluster

import (
	"sync"
	"time"
)

// logClock is a leader's log clock (promise T1): the clock that the log had
// when the epoch was claimed, plus this node's monotonic time since then. While
// nobody leads, it stands still.
type logClock struct {
	mu   sync.Mutex
	base int64 // milliseconds
	// since is when base was current; its monotonic reading counts.
	since time.Time
	// ahead is what skip has added, and skips holds a token after it did.
	ahead time.Duration
	skips chan struct{}
}

func newLogClock() *logClock {
	return &logClock{skips: make(chan struct{}, 1)}
}

// start begins an epoch at a log clock.
func (c *logClock) start(ms int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.since, c.ahead = ms, time.Now(), 0
}

// now is the log clock in milliseconds.
func (c *logClock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base + (time.Since(c.since) + c.ahead).Milliseconds()
}

// until is how long it takes until the log clock is at ms.
func (c *logClock) until(ms int64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(ms-c.base)*time.Millisecond - time.Since(c.since) - c.ahead
}

// skip moves the clock forward, for tests that would have to wait otherwise.
func (c *logClock) skip(d time.Duration) {
	c.mu.Lock()
	c.ahead += d
	c.mu.Unlock()
	select {
	case c.skips <- struct{}{}:
	default:
	}
}
