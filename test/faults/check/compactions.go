package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkCompactions proves that a read of the past is refused as compacted only when
// somebody had asked for a compaction above its revision, at a revision that was
// asked for, and is not answered once that was acknowledged; that one is refused as
// future only if nobody knew its revision before, and not answered unless it was
// there; and the same of requests to compact: one that was answered is not above all
// that anybody ever knew. What is answered is right by linear.
// A local read may be behind: that it is answered, or does not know the revision
// yet, is not judged.
func checkCompactions(b *book, t *tally) {
	for _, s := range b.spaces {
		c := &compactor{book: b, tally: t}
		c.collect(s)
		for _, i := range c.past {
			c.read(i)
		}
		for _, i := range c.requests {
			c.request(i)
		}
		c.future()
	}
}

// compactor checks one namespace.
type compactor struct {
	*book
	*tally
	reach    int64 // the greatest revision that anybody was told
	requests []int // to compact, with any outcome
	past     []int // reads of a revision, answered or refused

	asked   []int // requests that may have happened, by time of call
	done    []int // requests that did, by time of return
	highest []int // of them up to each, the one with the highest revision
	refuse  []stamp
	known   []stamp
}

func (c *compactor) collect(s *space) {
	c.requests = s.compacts
	if log := c.book.chronicle(s); log != nil {
		c.reach = log.reach
	}
	for _, i := range s.compacts {
		switch c.book.records[i].Outcome {
		case history.OK:
			c.done = append(c.done, i)
			c.asked = append(c.asked, i)
		case history.Unknown:
			c.asked = append(c.asked, i)
		}
	}
	for _, list := range [][]int{s.txns, s.refused} {
		for _, i := range list {
			r := &c.book.records[i]
			if r.At > 0 {
				c.past = append(c.past, i)
			} else if r.Outcome == history.OK && r.Revision > 0 {
				c.reach = max(c.reach, r.Revision)
				c.known = append(c.known, stamp{at: r.Return, revision: r.Revision, record: i})
			}
		}
	}
	slices.SortFunc(c.done, func(x, y int) int { return cmp.Compare(c.book.records[x].Return, c.book.records[y].Return) })
	highest := -1
	for _, i := range c.done {
		if highest < 0 || c.book.records[i].Revision > c.book.records[highest].Revision {
			highest = i
		}
		c.highest = append(c.highest, highest)
	}
	slices.SortFunc(c.asked, func(x, y int) int { return cmp.Compare(c.book.records[x].Call, c.book.records[y].Call) })
}

// before is whether somebody may have compacted above a revision before an answer,
// and whether at the revision that the answer tells, if it does.
func (c *compactor) before(above int64, r *history.Record, told int64) bool {
	for _, a := range c.asked {
		request := &c.book.records[a]
		if request.Call > r.Return {
			return false
		}
		if request.Revision > above && (told == 0 || told == request.Revision) {
			return true
		}
	}
	return false
}

func (c *compactor) read(i int) {
	r := &c.book.records[i]
	switch {
	case r.Outcome == history.Refused && r.Reason == Compacted:
		c.checked(i)
		if r.Revision > 0 && r.Revision <= r.At || !c.before(r.At, r, r.Revision) {
			c.violation([]int{i}, "a read of %d was refused as compacted up to %d, which nobody had asked for", r.At, r.Revision)
		}
	case r.Outcome == history.Refused && r.Reason == Future:
		if !r.Serializable {
			c.checked(i)
			c.refuse = append(c.refuse, stamp{at: r.Call, revision: r.At, record: i, above: true})
		}
	case r.Outcome == history.OK:
		c.checked(i)
		if r.Revision > 0 && r.Revision < r.At {
			c.violation([]int{i}, "a read of %d was answered at %d, before it", r.At, r.Revision)
		}
		if d := c.compacted(r); d >= 0 && !r.Serializable {
			c.violation([]int{i, d}, "a read of %d was answered, although %d was compacted before", r.At, c.book.records[d].Revision)
		}
	}
}

// compacted is a request that had surely forgotten the revision of a read; -1: none.
func (c *compactor) compacted(r *history.Record) int {
	n, _ := slices.BinarySearchFunc(c.done, r.Call, func(i int, call time.Duration) int { return cmp.Compare(c.book.records[i].Return, call) })
	if n == 0 || c.book.records[c.highest[n-1]].Revision <= r.At {
		return -1
	}
	return c.highest[n-1]
}

// request judges a compaction: one that was done was not above everything, and what
// is compacted already is named so, also when it is the same revision.
func (c *compactor) request(i int) {
	r := &c.book.records[i]
	switch {
	case r.Outcome == history.OK:
		c.checked(i)
		if r.Revision > c.reach {
			c.violation([]int{i}, "%d was compacted, and nobody was ever told more than %d", r.Revision, c.reach)
		}
	case r.Outcome == history.Unknown:
	case r.Reason == Compacted:
		c.checked(i)
		if !c.before(r.Revision-1, r, 0) {
			c.violation([]int{i}, "a compaction at %d was refused as compacted, which nobody had asked for", r.Revision)
		}
	case r.Reason == Future:
		c.checked(i)
		c.refuse = append(c.refuse, stamp{at: r.Call, revision: r.Revision, record: i, above: true})
	}
}

// future judges what was refused as future: its revision must be above all that was
// known before.
func (c *compactor) future() {
	follow(c.refuse, c.known, func(call, newest stamp) {
		c.violation([]int{call.record, newest.record}, "%d was refused as future, although %d had been known", call.revision, newest.revision)
	})
}
