package check

import (
	"maps"
	"net/url"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkHashes proves that the replicas whose hashes were taken at the same index
// were equal. Each shard has to have one index at which all nodes were compared, and
// a run whose nodes all answered again in the end has to have compared them: else it
// is undecided. How many nodes there are is known from those whose hashes were taken
// and from those that clients asked. It says nothing of indexes at which nobody
// looked.
func checkHashes(b *book, t *tally) {
	h := &hashes{book: b, tally: t, first: make(map[place]int), at: make(map[place]map[string]bool),
		shards: make(map[string]int), nodes: make(map[string]bool)}
	healthy := -1
	asked := make(map[string]bool)
	for i := range b.records {
		switch r := &b.records[i]; r.Kind {
		case history.ReplicaHash:
			h.compare(i, r)
		case history.Healthy:
			healthy = i
		default:
			if r.Workload != history.Harness && r.Node != "" {
				asked[r.Node] = true
			}
		}
	}
	if healthy >= 0 && len(h.first) == 0 {
		t.undecided([]int{healthy}, "all nodes answered again, and no hash of any was taken")
	}
	h.complete(max(2, len(h.nodes), hosts(asked)))
}

// place is a shard at an index.
type place struct {
	shard string
	index int64
}

// hashes are those of the replicas.
type hashes struct {
	*book
	*tally
	first  map[place]int             // the record with the first hash there
	at     map[place]map[string]bool // the nodes whose hashes were taken there
	shards map[string]int            // the last record of each
	nodes  map[string]bool
}

func (h *hashes) compare(i int, r *history.Record) {
	p := place{r.Key, r.Revision}
	h.shards[r.Key], h.nodes[r.Node] = i, true
	other, ok := h.first[p]
	if !ok {
		h.first[p], h.at[p] = i, map[string]bool{r.Node: true}
		return
	}
	h.at[p][r.Node] = true
	h.checked(i)
	if o := &h.book.records[other]; o.Value != r.Value {
		h.violation([]int{i, other}, "shard %s at index %d is %s on %s and %s on %s", r.Key, r.Revision,
			r.Value, r.Node, o.Value, o.Node)
	}
}

// complete demands that so many nodes were compared in each shard.
func (h *hashes) complete(nodes int) {
	most := make(map[string]int)
	for p, compared := range h.at {
		most[p.shard] = max(most[p.shard], len(compared))
	}
	for _, shard := range slices.Sorted(maps.Keys(h.shards)) {
		if most[shard] < nodes {
			h.undecided([]int{h.shards[shard]}, "no more than %d of %d replicas of shard %s were compared", most[shard], nodes, shard)
		}
	}
}

// hosts counts the hosts in the addresses of nodes, which have two ports each.
func hosts(addresses map[string]bool) int {
	all := make(map[string]bool)
	for address := range addresses {
		host := address
		if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
			host = u.Hostname()
		}
		all[host] = true
	}
	return len(all)
}
