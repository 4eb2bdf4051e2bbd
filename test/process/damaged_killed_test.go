package process

import "testing"

// The Raft log of a node that was killed has lost its end. The node does not start:
// what it applied and has not on disk as state is gone.
//
// Promises D1, S2.
func TestRegressionDragonboatTornLog(t *testing.T) {
	one := startCluster(t, 1)
	n := one.nodes[0]
	fill(t, one)
	n.kill()
	for _, how := range []injury{flipMiddle, remove} {
		t.Run(how.name, func(t *testing.T) {
			killed := copyOf(t, n)
			damage(t, killed.dir+"/raft/*/*/logdb-0/*.log", how.do)
			killed.cannotStart(t, "the data of node \"n1\" was lost")
		})
	}
}
