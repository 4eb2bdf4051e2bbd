package process

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// resumeBound is how soon writes go on after the leader was killed.
const resumeBound = 3 * time.Second

// The leader is killed again and again under load, and starts again on its
// directory each time.
//
// Promises D1, D4, D5, R2, R4, T1, Q1.
func TestLeaderIsKilledUnderLoad(t *testing.T) {
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, 0))
	three := startCluster(t, 3, setting{"snapshot-count", "300"}) // so that snapshots are made all the time
	stalls := watchStalls(t)
	l := startLoad(t, seed, three.endpoints())
	l.awaitWrites(100)

	var outages []time.Duration
	for range short(3, 10) {
		leader := three.leader(dataShard)
		killed, stalled := l.now(), stalls.soFar()
		leader.kill()
		outage := l.awaitResumed(killed) - (stalls.soFar() - stalled)
		t.Logf("%s was killed, writes resumed after %v", leader.name, outage.Round(time.Millisecond))
		outages = append(outages, outage)
		// The dead node misses some of the load, or only a moment of it.
		l.awaitWrites(1 + random.IntN(200))
		leader.start()
		leader.waitReady()
		l.awaitWrites(50 + random.IntN(100))
	}

	slices.Sort(outages)
	worst := outages[len(outages)-1]
	t.Logf("writes resumed after %v (median) to %v", outages[len(outages)/2].Round(time.Millisecond), worst.Round(time.Millisecond))
	if worst > resumeBound {
		t.Errorf("writes resumed only after %v, want at most %v", worst, resumeBound)
	}
	l.finish()
	l.verdict(three)
}

// All nodes are killed at once, so that nobody is left who knows what was not on
// a disk.
//
// Promises D1, S1, T1.
func TestAllAreKilledUnderLoad(t *testing.T) {
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, 1))
	three := startCluster(t, 3)
	l := startLoad(t, seed, three.endpoints())
	for range short(1, 3) {
		l.awaitWrites(100 + random.IntN(300))
		for _, n := range three.nodes {
			n.kill()
		}
		killed := l.now()
		three.start()
		t.Logf("all were killed, writes resumed after %v", l.awaitResumed(killed).Round(time.Millisecond))
	}
	l.awaitWrites(100)
	l.finish()
	l.verdict(three)
}

// verdict fails the test with all that is wrong after a run.
func (l *load) verdict(c *cluster) {
	l.t.Helper()
	text, enough := l.summary()
	l.t.Log(text)
	if !enough {
		l.t.Error("the load did too little to prove anything")
	}
	const shown = 20
	wrong := l.judge(l.live, l.log(c.client))
	for _, sentence := range wrong[:min(shown, len(wrong))] {
		l.t.Error(sentence)
	}
	if len(wrong) > shown {
		l.t.Errorf("and %d more like these", len(wrong)-shown)
	}
	c.checkHashes()
}

// seedOf chooses a seed and prints it; CONCLAVE_TEST_SEED repeats one.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("CONCLAVE_TEST_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("CONCLAVE_TEST_SEED: %v", err)
		}
	}
	t.Logf("CONCLAVE_TEST_SEED=%d", seed)
	return seed
}
