package cluster

import (
	"testing"
	"time"
	"unsafe"
)

// A process that was stopped, alone or with all others, counts none of that as
// time: nobody could renew a lease meanwhile.
// Promise T1
func TestClockDoesNotCountAStop(t *testing.T) {
	c := newLogClock()
	c.start(1000)
	c.since = c.since.Add(-time.Hour)
	if now := c.now(); now < 1000 || now > 1000+2*maxClockStep.Milliseconds() {
		t.Errorf("an hour's stop moved the clock from 1000 to %d", now)
	}
	before := c.now()
	c.since = c.since.Add(-time.Second)
	if passed := c.now() - before; passed < 1000 {
		t.Errorf("a second counted as %d ms", passed)
	}
	if left := c.until(before + 5000); left > 4*time.Second {
		t.Errorf("%v left of 5 s, of which one has passed", left)
	}
	c.skip(time.Hour)
	if passed := c.now() - before; passed < time.Hour.Milliseconds() {
		t.Errorf("a skipped hour counted as %d ms", passed)
	}
}

// etcd #12291: leases ended when the wall clock was set. The log clock is one that
// nobody can set: a wall clock that jumps an hour ahead or back between two readings
// moves it by what has passed.
func TestRegressionEtcd12291WallClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		c := newLogClock()
		c.start(1000)
		c.since = setWall(c.since, -jump)
		if left := c.until(2000); left > 2*time.Second || left < 0 {
			t.Errorf("after a jump of %v, %v are left of 1 s", jump, left)
		}
	}
}

// setWall is a moment as a process whose wall clock is ahead by d has it: only the
// monotonic reading stays. Package time keeps the wall clock's seconds above the low
// 30 bits of its first word.
func setWall(t time.Time, d time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(d/time.Second) << 30
	return t
}
