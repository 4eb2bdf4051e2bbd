package cluster

import (
	"testing"
	"time"
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
