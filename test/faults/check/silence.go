package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// silences are the times in which nobody's write was acknowledged for longer than
// Options.Outage, or Options.Fault, with their sum up to each, so that a part of them
// can be asked.
type silences struct {
	from, to, sum []time.Duration
}

func (b *book) silences() *silences {
	var returns []time.Duration
	for i := range b.records {
		if acknowledged(&b.records[i]) {
			returns = append(returns, b.records[i].Return)
		}
	}
	slices.Sort(returns)
	returns = append(returns, b.last)
	s, faults := new(silences), b.faults()
	var before, sum time.Duration
	for _, at := range returns {
		least := b.opt.Outage
		if faults.between(before, at) > 0 {
			least = min(least, b.opt.Fault)
		}
		if at-before > least {
			sum += at - before
			s.from, s.to, s.sum = append(s.from, before), append(s.to, at), append(s.sum, sum)
		}
		before = at
	}
	return s
}

// faults are the times in which a fault was at work, in the same form.
func (b *book) faults() *silences {
	s := new(silences)
	var sum, since time.Duration
	atWork := 0
	note := func(at time.Duration) {
		sum += at - since
		s.from, s.to, s.sum = append(s.from, since), append(s.to, at), append(s.sum, sum)
	}
	for _, i := range b.injections() {
		switch r := &b.records[i]; {
		case r.Kind == history.FaultBegun && atWork == 0:
			atWork, since = 1, r.Call
		case r.Kind == history.FaultBegun:
			atWork++
		case atWork == 1:
			atWork = 0
			note(max(since, r.Return))
		case atWork > 1:
			atWork--
		}
	}
	if atWork > 0 {
		note(max(since, b.last))
	}
	return s
}

// injections are the records of faults in order of time.
func (b *book) injections() []int {
	var records []int
	for i := range b.records {
		if k := b.records[i].Kind; k == history.FaultBegun || k == history.FaultEnded {
			records = append(records, i)
		}
	}
	slices.SortStableFunc(records, func(x, y int) int { return cmp.Compare(b.records[x].Return, b.records[y].Return) })
	return records
}

// before is how long it was silent before a moment.
func (s *silences) before(moment time.Duration) time.Duration {
	n, _ := slices.BinarySearch(s.to, moment) // the first that ends at or after it
	var sum time.Duration
	if n > 0 {
		sum = s.sum[n-1]
	}
	if n < len(s.from) && s.from[n] < moment {
		sum += moment - s.from[n]
	}
	return sum
}

// between is how long it was silent from one moment to another.
func (s *silences) between(from, to time.Duration) time.Duration {
	return s.before(to) - s.before(from)
}
