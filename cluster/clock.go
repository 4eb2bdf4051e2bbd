package cluster

import (
	"sync"
	"time"

	"github.com/conclavehq/conclave/internal/planted"
)

// logClock is a leader's log clock (promise T1): the clock that the log had
// when the epoch was claimed, plus this node's monotonic time since then. While
// nobody leads, it stands still, and while the process is stopped, too.
type logClock struct {
	mu   sync.Mutex
	base int64 // milliseconds
	// passed is what was counted since base, up to since, whose monotonic
	// reading counts.
	passed time.Duration
	since  time.Time
	// ahead is what skip has added, and skips holds a token after it did.
	ahead time.Duration
	skips chan struct{}
}

// maxClockStep is how much counts as time between two readings. The leader reads
// its clock every maxClockLag at least; when it did not, its process was stopped
// (a paused container, say), and nobody could renew a lease.
const maxClockStep = 3 * time.Second

func newLogClock() *logClock {
	return &logClock{skips: make(chan struct{}, 1)}
}

// start begins an epoch at a log clock.
func (c *logClock) start(ms int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.passed, c.since, c.ahead = ms, 0, time.Now(), 0
}

// now is the log clock in milliseconds.
func (c *logClock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countLocked()
	return c.base + (c.passed + c.ahead).Milliseconds()
}

func (c *logClock) countLocked() {
	now := time.Now()
	if planted.Bug == planted.WallClockLeases {
		// mutant_07 (etcd #12291): a lease lives by the wall clock, whose jumps end
		// it early or keep it.
		c.passed += now.Round(0).Sub(c.since.Round(0))
		c.since = now
		return
	}
	c.passed += min(now.Sub(c.since), maxClockStep)
	c.since = now
}

// until is how long it takes until the log clock is at ms.
func (c *logClock) until(ms int64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countLocked()
	return time.Duration(ms-c.base)*time.Millisecond - c.passed - c.ahead
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
