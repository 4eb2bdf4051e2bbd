package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// chronicle is the log of a namespace as its Truth watcher was told it, by
// revision.
type chronicle struct {
	entries []entry
	reach   int64 // nothing up to this revision is missing

	// The put before each event's, as (entry, event): counted through all
	// events, where those of an entry begin at first. -1: there was none.
	first  []int
	before [][2]int

	// The latest call of an acknowledged write up to each entry. nil: see
	// book.calledAfter.
	called []time.Duration
}

// entry is what one revision did to the keys.
type entry struct {
	revision int64
	record   int // the WatchEvent
	events   []history.Event
	writer   int // the transaction that did it, or -1
}

// chronicle reads the log of a namespace; nil when nobody kept it. That it is in
// order and tells nothing twice is for the checker of watches to say; here it is
// put in order.
func (b *book) chronicle(s *space) *chronicle {
	if s.truth == nil || s.log != nil {
		return s.log
	}
	c := new(chronicle)
	s.log = c
	for _, w := range s.truth {
		for _, i := range w.records {
			r := &b.records[i]
			if r.Kind == history.WatchEvent {
				c.entries = append(c.entries, entry{revision: r.Revision, record: i, events: r.Events, writer: -1})
			}
			if r.Kind != history.WatchEnded {
				c.reach = max(c.reach, r.Revision)
			}
		}
	}
	slices.SortStableFunc(c.entries, func(a, b entry) int { return cmp.Compare(a.revision, b.revision) })
	c.entries = slices.CompactFunc(c.entries, func(a, b entry) bool { return a.revision == b.revision })
	c.link()
	return c
}

// link finds for each event what its key was before.
func (c *chronicle) link() {
	latest := make(map[string][2]int)
	for e := range c.entries {
		c.first = append(c.first, len(c.before))
		for i := range c.entries[e].events {
			event := &c.entries[e].events[i]
			if old, ok := latest[event.KV.Key]; ok {
				c.before = append(c.before, old)
			} else {
				c.before = append(c.before, [2]int{-1, -1})
			}
			if event.Delete {
				delete(latest, event.KV.Key)
			} else {
				latest[event.KV.Key] = [2]int{e, i}
			}
		}
	}
}

// previous is what the key of an event was before; nil when it was not there.
func (c *chronicle) previous(e, i int) *history.KV {
	old := c.before[c.first[e]+i]
	if old[0] < 0 {
		return nil
	}
	return &c.entries[old[0]].events[old[1]].KV
}

// from is the index of the first entry that is not before a revision.
func (c *chronicle) from(revision int64) int {
	i, _ := slices.BinarySearchFunc(c.entries, revision, func(e entry, r int64) int { return cmp.Compare(e.revision, r) })
	return i
}

// at is the index of the entry of a revision, or -1.
func (c *chronicle) at(revision int64) int {
	if i := c.from(revision); i < len(c.entries) && c.entries[i].revision == revision {
		return i
	}
	return -1
}

// calledAfter is the index of the first entry of a log that is surely of later than a
// moment: its write, which was acknowledged, was called after that. -1: none.
func (b *book) calledAfter(s *space, moment time.Duration) int {
	log := b.chronicle(s)
	if log.called == nil {
		log.called = make([]time.Duration, len(log.entries))
		for _, i := range s.txns {
			if r := &b.records[i]; r.At == 0 && wrote(r) {
				if e := log.at(r.Revision); e >= 0 {
					log.called[e] = r.Call
				}
			}
		}
		for e := 1; e < len(log.called); e++ {
			log.called[e] = max(log.called[e], log.called[e-1])
		}
	}
	e, _ := slices.BinarySearch(log.called, moment+1)
	if e == len(log.called) {
		return -1
	}
	return e
}
