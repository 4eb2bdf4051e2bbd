package check

import (
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkCounters proves that each increment happened once, however often it was
// tried: a counter is never below the increments that were acknowledged before it
// was read, never above those that were called by then (unknown ones count here),
// and each told version is told once and grows in real time. With no unknown
// outcomes the last read is an exact sum; with some, as many may be missing. Which
// one a version belongs to is for linear to say.
func checkCounters(b *book, t *tally) {
	all := make(map[name]*counter)
	for i := range b.records {
		r := &b.records[i]
		if r.Kind != history.Incremented && (r.Kind != history.CounterRead || r.Outcome != history.OK) || r.Outcome == history.Refused {
			continue
		}
		n := name{history.Incremented, r.Namespace, r.Key}
		if all[n] == nil {
			all[n] = &counter{versions: make(map[int64]int)}
		}
		all[n].add(t, i, r)
	}
	for _, c := range all {
		c.check(b, t)
	}
}

// counter is what was seen of one.
type counter struct {
	returned []time.Duration // of acknowledged increments
	called   []time.Duration // of all that may have happened
	reads    []int
	told     []int
	versions map[int64]int
}

func (c *counter) add(t *tally, i int, r *history.Record) {
	if r.Kind == history.CounterRead {
		t.checked(i)
		c.reads = append(c.reads, i)
		return
	}
	c.called = append(c.called, r.Call)
	if r.Outcome != history.OK {
		return
	}
	t.checked(i)
	c.returned = append(c.returned, r.Return)
	if r.Version == 0 {
		return
	}
	if other, ok := c.versions[r.Version]; ok {
		t.violation([]int{i, other}, "two increments of %q were told version %d", r.Key, r.Version)
	}
	c.versions[r.Version] = i
	c.told = append(c.told, i)
}

func (c *counter) check(b *book, t *tally) {
	slices.Sort(c.returned)
	slices.Sort(c.called)
	var calls, known []stamp
	for _, i := range slices.Concat(c.reads, c.told) {
		r := &b.records[i]
		calls = append(calls, stamp{at: r.Call, revision: r.Version, record: i, above: r.Kind == history.Incremented})
		known = append(known, stamp{at: r.Return, revision: r.Version, record: i})
		least, _ := slices.BinarySearch(c.returned, r.Call)
		most, _ := slices.BinarySearch(c.called, r.Return+1)
		if r.Version < int64(least) || r.Version > int64(most) {
			t.violation([]int{i}, "%q is at version %d after at least %d and at most %d increments", r.Key, r.Version, least, most)
		}
	}
	follow(calls, known, func(c, newest stamp) {
		t.violation([]int{c.record, newest.record}, "version %d after %d had been known", c.revision, newest.revision)
	})
}
