package process

import (
	"fmt"
	"testing"
)

// A node that is killed over and over, each time somewhere between two writes of its
// state to the disk, has everything that was acknowledged: the Raft log has what the
// state lost.
//
// Promise D1.
func TestKilledNodeHasEverything(t *testing.T) {
	t.Parallel()
	one := startCluster(t, 1, setting{"snapshot-count", "70"})
	n := one.nodes[0]
	values := fill(t, one)
	ctx := within(t, 2*patience)
	for round := range short(3, 8) {
		for i := range 40 * (round + 1) {
			key := fmt.Sprintf("k/%03d", i)
			values[key] = fmt.Sprintf("%d in round %d", i, round)
			if _, err := one.client.Put(ctx, key, values[key]); err != nil {
				t.Fatal(err)
			}
		}
		n.kill()
		n.start()
		n.waitReady()
		if !answersAsBefore(t, n, values) {
			t.Fatalf("the node ended after kill %d", round)
		}
		for i := range 20 { // answersAsBefore wrote them, and counts
			if _, err := one.client.Delete(ctx, fmt.Sprintf("new/%d", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
