package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

func (s *sim) value() string {
	s.unique++
	return fmt.Sprintf("v%d", s.unique)
}

// registers begins clients of some keys: puts, reads, compare-and-swap, deletes,
// transactions of two keys, ranges, reads of the past and local reads.
func (s *sim) registers(w history.Workload, space string, clients, keys int) {
	p := s.space(space)
	for range clients {
		s.client(func(c *simClient, again func()) {
			key := fmt.Sprintf("r/%03d", c.rand.IntN(keys))
			other := fmt.Sprintf("r/%03d", c.rand.IntN(keys))
			r := history.Record{Workload: w, Kind: history.Txn, Namespace: space}
			next := func(history.Record) { again() }
			write := func(r *history.Record) { c.txn(p, r) }
			switch n := c.rand.IntN(100); {
			case n < 30:
				r.Then = []history.Op{{Type: history.Put, Key: key, Value: c.value()}}
				c.mutate(r, write, next)
			case n < 38:
				r.Then = []history.Op{{Type: history.Delete, Key: key}}
				c.mutate(r, write, next)
			case n < 50:
				r.Then = []history.Op{{Type: history.Get, Key: key}}
				c.call(r, write, func(seen history.Record) { c.swap(p, w, seen, next) })
			case n < 60 && key != other:
				r.If = []history.Op{{Type: history.IfVersion, Key: key, Number: int64(c.rand.IntN(2))}}
				r.Then = []history.Op{{Type: history.Put, Key: key, Value: c.value()}, {Type: history.Put, Key: other, Value: c.value()}}
				r.Else = []history.Op{{Type: history.Get, Key: key}, {Type: history.Delete, Key: other}}
				c.mutate(r, write, next)
			case n < 70:
				r.Then = []history.Op{{Type: history.Get, Key: "r/", End: "r0"}}
				if s.lean {
					r.Then[0] = history.Op{Type: history.Get, Key: key, End: key + "~"}
				}
				c.call(r, write, next)
			case n < 78 && !s.lean:
				c.past(p, r, next)
			default:
				r.Then = []history.Op{{Type: history.Get, Key: key}}
				c.call(r, write, next)
			}
		})
	}
}

// swap is the second half of a compare-and-swap.
func (c *simClient) swap(p *simSpace, w history.Workload, seen history.Record, next func(history.Record)) {
	r := history.Record{Workload: w, Kind: history.Txn, Namespace: p.name}
	key := seen.Then[0].Key
	r.Then = []history.Op{{Type: history.Put, Key: key, Value: c.value()}}
	r.Else = []history.Op{{Type: history.Get, Key: key}}
	if found := seen.Then[0].Found; len(found) == 0 {
		r.If = []history.Op{{Type: history.IfModRevision, Key: key}}
	} else if c.rand.IntN(2) == 0 {
		r.If = []history.Op{{Type: history.IfModRevision, Key: key, Number: found[0].Modified}}
	} else {
		r.If = []history.Op{{Type: history.IfValue, Key: key, Value: found[0].Value}}
	}
	c.mutate(r, func(r *history.Record) { c.txn(p, r) }, next)
}

// past reads an old revision, or locally from a replica that is behind.
func (c *simClient) past(p *simSpace, r history.Record, next func(history.Record)) {
	if len(p.log) < 10 {
		next(r)
		return
	}
	old := p.log[len(p.log)-1-c.rand.IntN(9)]
	r.Then = []history.Op{{Type: history.Get, Key: "r/", End: "r0"}}
	if c.rand.IntN(2) == 0 {
		r.At = old.revision
	} else {
		r.Serializable, r.Since = true, old.revision-int64(c.rand.IntN(2))
	}
	c.call(r, func(r *history.Record) {
		if r.At > 0 && r.At < p.compacted {
			r.Outcome, r.Reason, r.Revision = history.Refused, Compacted, p.compacted
			return
		}
		r.Then = slices.Clone(r.Then)
		r.Then[0].Found, r.Revision = in(old.after, "r/", "r0"), old.revision
		if r.At > 0 {
			r.Revision = p.revision
		}
	}, next)
}

// expire ends the lease of some key now and then, without anybody's wish.
func (s *sim) expire(space string) {
	p := s.space(space)
	s.client(func(c *simClient, again func()) {
		r := history.Record{Workload: history.Leases, Kind: history.Txn, Namespace: space}
		lease := s.unique + 1000
		for i := range 3 {
			r.Then = append(r.Then, history.Op{Type: history.Put, Key: fmt.Sprintf("leased/%d/%d", lease, i), Value: c.value(), Lease: lease})
		}
		c.call(r, func(r *history.Record) { c.txn(p, r) }, func(history.Record) {
			c.after(c.some(20*time.Millisecond), func() {
				p.revision++
				var events []history.Event
				for i := range 3 {
					events = append(events, p.remove(fmt.Sprintf("leased/%d/%d", lease, i)))
				}
				p.commit(c.now, events)
				again()
			})
		})
	})
}

// watch tells a range of the log of a space to a new watcher, after the run.
func (s *sim) watch(p *simSpace, w history.Record, count int) {
	s.unique++
	w.Kind, w.Watcher, w.Namespace, w.Workload = history.WatchOpened, int32(s.unique), p.name, history.Watches
	if w.From < int64(len(p.log)) {
		w.Revision = max(w.From-1, 0)
	}
	var told []history.Record
	var last time.Duration
	record := func(at time.Duration, r history.Record) {
		last = max(last, at)
		at = last
		r.Workload, r.Watcher, r.Namespace, r.Call, r.Return = history.Watches, w.Watcher, p.name, at, at
		told = append(told, r)
	}
	begun := false
	for _, e := range p.log {
		if e.revision < w.From || count == 0 {
			continue
		}
		at := e.at + time.Microsecond
		if !begun {
			w.Call, w.Return = e.at-2, e.at-1
			begun = true
		}
		var events []history.Event
		for _, event := range e.events {
			out := !w.Truth && len(in(map[string]history.KV{event.KV.Key: {Key: event.KV.Key}}, w.Key, w.End)) == 0
			if out || event.Delete && w.Filter&history.NoDeletes != 0 || !event.Delete && w.Filter&history.NoPuts != 0 {
				continue
			}
			if !w.Previous {
				event.Previous = nil
			}
			events = append(events, event)
		}
		if len(events) > 0 {
			record(at, history.Record{Kind: history.WatchEvent, Revision: e.revision, Events: events})
			count--
		}
		if s.rand.IntN(20) == 0 {
			record(at+1, history.Record{Kind: history.WatchProgress, Revision: e.revision})
		}
	}
	if !w.Truth {
		record(s.now, history.Record{Kind: history.WatchEnded, Reason: "CANCELED"})
	} else {
		record(s.now, history.Record{Kind: history.WatchProgress, Revision: p.revision})
	}
	if !w.Truth && w.From > 1 && s.rand.IntN(3) == 0 { // it began at once, and was open before all that it was told
		w.From, w.Revision = 0, w.From-1
	}
	s.add(w)
	s.records = append(s.records, told...)
}

// watchers tells the log to the watcher of the truth and to others.
func (s *sim) watchers(space string, count int) {
	p := s.space(space)
	s.watch(p, history.Record{From: 1, Truth: true, Key: "", End: "\x00"}, -1)
	for n := range count {
		w := history.Record{Key: "r/", End: "r0", From: 1 + s.rand.Int64N(p.revision+5), Previous: n%2 == 0}
		switch n % 4 {
		case 1:
			w.Filter = history.NoPuts
		case 2:
			w.Filter, w.Key, w.End = history.NoDeletes, "r/003", ""
		case 3:
			w.Key, w.End = "r/002", "r/005"
		}
		s.watch(p, w, 1+s.rand.IntN(200))
	}
}

// finish orders the records by their ends, as a run does.
func (s *sim) finish() []history.Record {
	slices.SortStableFunc(s.records, func(a, b history.Record) int { return int(a.Return - b.Return) })
	return s.records
}
