package process

import (
	"testing"
	"time"
)

// handOverBound is how long writes may wait while a node stops that was asked to:
// it hands its leadership over first, so nobody waits for an election.
const handOverBound = time.Second

// Each node is stopped and started again in turn, under load, as operations.md
// says. No request fails, and no write waits for an election.
func TestRollingRestart(t *testing.T) {
	seed := seedOf(t)
	three := startCluster(t, 3)
	stalls := watchStalls(t)
	l := startLoad(t, seed, three.endpoints())
	l.awaitWrites(100)
	var worst time.Duration
	for range short(1, 2) {
		for _, n := range three.nodes {
			led := three.leader(dataShard) == n
			stopped, stalled := l.now(), stalls.soFar()
			if code := n.stop(); code != 0 {
				t.Errorf("%s ended with exit code %d:\n%s", n.name, code, n.tail())
			}
			took := l.now() - stopped
			l.awaitResumed(l.now())
			outage := l.longestPause(stopped) - (stalls.soFar() - stalled)
			t.Logf("%s stopped within %v, led: %v, writes waited for at most %v", n.name,
				took.Round(time.Millisecond), led, outage.Round(time.Millisecond))
			worst = max(worst, outage)
			n.start()
			n.waitReady()
			l.awaitWrites(50)
		}
	}
	if worst > handOverBound {
		t.Errorf("writes waited for %v, want at most %v", worst, handOverBound)
	}
	l.finish()
	l.verdict(three)
}
