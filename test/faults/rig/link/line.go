//go:build linux

package link

import (
	"math/rand/v2"
	"time"
)

// Bounds of what may wait in one direction, in bytes.
const (
	maxDelayed   = 64 << 20
	minBacklog   = 256 << 10
	leastReorder = 2 * time.Millisecond
)

// line is one direction between two endpoints.
type line struct {
	from, to int
	rule     Rule
	plain    bool // the rule is the zero Rule
	random   *rand.Rand
	count    Count

	free    time.Duration // when the last byte is through, with a bandwidth
	last    time.Duration // when the newest packet in order is due
	waiting int           // bytes in the queue
}

func newLine(from, to int, seed uint64) *line {
	return &line{from: from, to: to, plain: true, random: rand.New(rand.NewPCG(seed, uint64(from)<<8|uint64(to)))}
}

func (l *line) set(r Rule) { l.rule, l.plain = r, r == Rule{} }

// fate is what a rule decides about one packet.
type fate struct {
	drop bool
	// at are the moments of its arrivals, 0 for at once; the second one counts only
	// if twice.
	at    [2]time.Duration
	twice bool
}

// decide applies the rule to a packet of some size that was sent now.
func (l *line) decide(now time.Duration, size int) fate {
	r := &l.rule
	if r.Cut || r.Loss > 0 && l.random.Float64() < r.Loss {
		return fate{drop: true}
	}
	due, fits := l.through(now, size)
	if !fits || l.waiting+size > maxDelayed {
		return fate{drop: true}
	}
	if due > now || l.waiting > 0 {
		l.last = max(due, l.last) // in order
		due = l.last
	} else {
		due = 0
	}
	f := fate{at: [2]time.Duration{due, due}}
	if r.Reorder > 0 && l.random.Float64() < r.Reorder {
		l.count.Reordered++
		most := max(leastReorder, 2*(r.Delay+r.Jitter))
		f.at[0] = max(due, now) + 1 + time.Duration(l.random.Int64N(int64(most)))
	}
	if r.Duplicate > 0 && l.random.Float64() < r.Duplicate {
		l.count.Duplicated++
		f.twice = true
	}
	return f
}

// through is when a packet would be at the other end, and whether the bandwidth has
// room for it.
func (l *line) through(now time.Duration, size int) (at time.Duration, fits bool) {
	r := &l.rule
	at = now + r.Delay
	if r.Jitter > 0 {
		at += time.Duration(l.random.Int64N(int64(r.Jitter)))
	}
	if r.BytesPerSecond <= 0 {
		return at, true
	}
	begin := max(now, l.free)
	backlog := (begin - now).Seconds() * float64(r.BytesPerSecond)
	if backlog > float64(max(minBacklog, r.BytesPerSecond)) {
		return 0, false
	}
	took := time.Duration(float64(size) / float64(r.BytesPerSecond) * float64(time.Second))
	l.free = begin + took
	return at + l.free - now, true
}
