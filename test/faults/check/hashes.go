package check

import "github.com/conclavehq/conclave/test/faults/history"

// checkHashes proves that the replicas whose hashes were taken at the same index
// were equal. A shard of which no two replicas were ever compared is undecided. It
// says nothing of indexes at which nobody looked.
func checkHashes(b *book, t *tally) {
	type place struct {
		shard string
		index int64
	}
	first := make(map[place]int)
	compared := make(map[string]bool)
	alone := make(map[string]int)
	for i := range b.records {
		r := &b.records[i]
		if r.Kind != history.ReplicaHash {
			continue
		}
		at := place{r.Key, r.Revision}
		other, ok := first[at]
		if !ok {
			first[at] = i
			alone[r.Key] = i
			continue
		}
		if b.records[other].Node != r.Node {
			compared[r.Key] = true
		}
		t.checked(i)
		if b.records[other].Value != r.Value {
			t.violation([]int{i, other}, "shard %s at index %d is %s on %s and %s on %s", r.Key, r.Revision,
				r.Value, r.Node, b.records[other].Value, b.records[other].Node)
		}
	}
	for shard, i := range alone {
		if !compared[shard] {
			t.undecided([]int{i}, "no two replicas of shard %s were compared", shard)
		}
	}
}
