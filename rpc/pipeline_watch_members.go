package rpc

import (
	"errors"

	"github.com/conclavehq/conclave/statemachine/feed"
)

func (c *cohort) addLocked(w *pipedWatch) {
	w.cohort, w.slot = c, len(c.members)
	c.members, c.ids = append(c.members, w), nil
}

// dropLocked takes a watch out, and ends the cohort with the last one.
func (c *cohort) dropLocked(w *pipedWatch) {
	last := len(c.members) - 1
	c.members[w.slot] = c.members[last]
	c.members[w.slot].slot = w.slot
	c.members[last] = nil
	c.members, c.ids, w.cohort = c.members[:last], nil, nil
	if last == 0 {
		if c.pipe.leads[c.start.watchKind] == c {
			delete(c.pipe.leads, c.start.watchKind)
		}
		c.cancel(errDeserted)
	}
}

// idsLocked are the members' ids. They are not changed any more.
func (c *cohort) idsLocked() []uint64 {
	if c.ids == nil {
		c.ids = make([]uint64, len(c.members))
		for i, w := range c.members {
			c.ids[i] = w.id
		}
	}
	return c.ids
}

// join hands the watches over to the cohort of their kind that has caught up
// before, if that has not come further than they. They may be told again what
// they know, which their caller drops. The first cohort that comes is the one.
func (c *cohort) join() bool {
	p := c.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	lead := p.leads[c.start.watchKind]
	if lead == c {
		return false
	}
	c.seen = max(c.seen, c.watcher.Progress())
	if lead == nil {
		if len(c.members) > 0 {
			p.leads[c.start.watchKind] = c
		}
		return false
	}
	if c.seen < lead.seen {
		return false
	}
	for _, w := range c.members {
		w.known = max(w.known, c.seen)
		lead.addLocked(w)
	}
	c.members, c.ids = nil, nil
	return true
}

// recipients are who is told up to a revision. Watches whose callers are not
// done with enough of what they were told stay behind.
func (c *cohort) recipients(told int64) []uint64 {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for i := len(c.members) - 1; i >= 0; i-- {
		if w := c.members[i]; w.owed > maxOwed {
			w.known = max(w.known, c.seen)
			c.dropLocked(w)
		}
	}
	c.seen = max(c.seen, told)
	return c.idsLocked()
}

// charge notes what recipients have to be done with.
func (c *cohort) charge(ids []uint64, cost uint64) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if len(c.ids) > 0 && &c.ids[0] == &ids[0] {
		for _, w := range c.members {
			w.owed += cost
		}
		return
	}
	for _, id := range ids { // some have left since
		if w := c.pipe.watches[id]; w != nil {
			w.owed += cost
		}
	}
}

// end ends the watches and returns their ids. Those that were further than the
// others miss nothing when only that is forgotten which the others had to see:
// they begin again by themselves.
func (c *cohort) end(err error) (ids []uint64) {
	p := c.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leads[c.start.watchKind] == c {
		delete(p.leads, c.start.watchKind)
	}
	_, compacted := errors.AsType[*feed.CompactedError](err)
	alike := map[watchStart]*cohort{}
	for _, w := range c.members {
		if compacted && w.known > c.seen {
			p.enterLocked(w, w.known+1, alike)
			continue
		}
		ids = append(ids, w.id)
		delete(p.watches, w.id)
		w.cohort = nil
		w.ended(err)
	}
	c.members, c.ids = nil, nil
	for _, c := range alike {
		p.work.Go(c.run)
	}
	return ids
}
