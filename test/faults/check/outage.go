package check

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// Outages says how long nobody's write was acknowledged. It judges nothing: whether
// the times are good enough is for whoever set the goal. A time begins at the fault
// and ends with the first acknowledgement of a write that was called after it, so
// it holds whatever clients did until they found another node, and it is never
// shorter than one write takes. Times depend on how often the clients write.
type Outages struct {
	Leader Spread // from LeaderGone
	Faults []Recovery
}

// Recovery is how long it took from the begin and from the end of the injections of
// one fault to the first acknowledged write.
type Recovery struct {
	Fault        string
	Begun, Ended Spread
}

// Spread is what is told of many times; the zero value is of none.
type Spread struct {
	Count         int             // of all, with those that never ended
	P50, P99, Max time.Duration   // of those that ended; 0 = none did
	Never         int             // after these, no write was acknowledged until the run ended
	Times         []time.Duration // all of them, sorted, without those
}

// outages measures how long writes were away.
func (b *book) outages() Outages {
	next := b.nextWrite()
	var leader []time.Duration
	begun, ended := make(map[string][]time.Duration), make(map[string][]time.Duration)
	for i := range b.records {
		switch r := &b.records[i]; r.Kind {
		case history.LeaderGone:
			leader = append(leader, next(r.Call))
		case history.FaultBegun:
			begun[r.Key] = append(begun[r.Key], next(r.Return))
		case history.FaultEnded:
			ended[r.Key] = append(ended[r.Key], next(r.Return))
		}
	}
	out := Outages{Leader: spread(leader)}
	for _, fault := range slices.Sorted(maps.Keys(begun)) {
		out.Faults = append(out.Faults, Recovery{Fault: fault, Begun: spread(begun[fault]), Ended: spread(ended[fault])})
	}
	return out
}

// nextWrite returns a function that tells how long after a moment the first write
// that was called later was acknowledged; negative: never.
func (b *book) nextWrite() func(time.Duration) time.Duration {
	var writes []int
	for i := range b.records {
		if acknowledged(&b.records[i]) {
			writes = append(writes, i)
		}
	}
	slices.SortFunc(writes, func(x, y int) int { return cmp.Compare(b.records[x].Call, b.records[y].Call) })
	first := make([]time.Duration, len(writes)) // the first return from here on
	for n := len(writes) - 1; n >= 0; n-- {
		first[n] = b.records[writes[n]].Return
		if n+1 < len(first) {
			first[n] = min(first[n], first[n+1])
		}
	}
	return func(moment time.Duration) time.Duration {
		n, _ := slices.BinarySearchFunc(writes, moment, func(i int, m time.Duration) int { return cmp.Compare(b.records[i].Call, m) })
		if n == len(writes) {
			return -1
		}
		return first[n] - moment
	}
}

// acknowledged tells whether a record is a write that the service committed in the
// namespace that faults aim at. Others live in other shards, with leaders of their own.
func acknowledged(r *history.Record) bool {
	if r.Outcome != history.OK || r.Namespace != "" && r.Namespace != "default" {
		return false
	}
	switch r.Kind {
	case history.Txn, history.GuardedWrite:
		return r.At == 0 && wrote(r)
	case history.Incremented, history.LeaseGranted, history.LeaseRenewed, history.LeaseRevoked,
		history.Acquired, history.Released, history.Elected, history.Resigned, history.Proclaimed,
		history.Enqueued, history.Claimed, history.Extended, history.Acked, history.Nacked,
		history.Registered, history.Deregistered:
		return true
	}
	return false
}

func spread(times []time.Duration) Spread {
	slices.Sort(times)
	never, _ := slices.BinarySearch(times, 0)
	s := Spread{Count: len(times), Never: never}
	if times = times[never:]; len(times) > 0 {
		rank := func(p int) time.Duration { return times[(len(times)*p+99)/100-1] }
		s.P50, s.P99, s.Max, s.Times = rank(50), rank(99), times[len(times)-1], times
	}
	return s
}
