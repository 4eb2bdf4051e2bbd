package feed

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// However ranges overlap, come and go: those that have a key are found, and no
// others.
func TestRangesThatContainAKey(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 5))
		name := func() string {
			key := make([]byte, 1+random.IntN(3))
			for i := range key {
				key[i] = byte('a' + random.IntN(4))
			}
			return string(key)
		}
		var r ranges
		topics := map[Filter]*topic{}
		for range 400 {
			filter := KV(1, []byte(name()), []byte(name()))
			if random.IntN(10) == 0 {
				filter.end = "\x00"
			}
			if known := topics[filter]; known != nil {
				delete(topics, filter)
				r.remove(known)
			} else if len(topics) < 40 || random.IntN(3) == 0 {
				topics[filter] = &topic{filter: filter}
				r.add(topics[filter])
			} else if all := slices.SortedFunc(maps.Keys(topics), byText); len(all) > 0 {
				gone := all[random.IntN(len(all))]
				r.remove(topics[gone])
				delete(topics, gone)
			}

			key := []byte(name())
			var want, got []Filter
			for filter := range topics {
				if filter.contains(key) {
					want = append(want, filter)
				}
			}
			r.containing(key, func(t *topic) { got = append(got, t.filter) })
			slices.SortFunc(want, byText)
			slices.SortFunc(got, byText)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(Filter{})); diff != "" {
				t.Fatalf("seed %d, key %s: %s", seed, key, diff)
			}
		}
		if len(r.sorted) != len(topics) {
			t.Errorf("%d ranges are left, want %d", len(r.sorted), len(topics))
		}
	}
}

func byText(a, b Filter) int { return compareRanges(&topic{filter: a}, &topic{filter: b}) }
