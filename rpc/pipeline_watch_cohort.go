package rpc

import (
	"context"
	"errors"
	"time"

	"github.com/conclavehq/conclave/internal/wire"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// watchKind is what watches that are told the same have in common.
type watchKind struct {
	namespace                  string
	id                         uint32 // of the namespace, as soon as it is known
	key, end                   string
	previous, noPuts, noDelete bool
	every                      time.Duration
}

// watchStart is where watches begin that are told the same from there on.
type watchStart struct {
	watchKind
	revision int64
}

func startOf(req *conclavev1.WatchRequest, revision int64) watchStart {
	key, end := keyRange(req.GetSpan())
	return watchStart{revision: revision, watchKind: watchKind{
		namespace: req.GetNamespace(),
		key:       string(key),
		end:       string(end),
		previous:  req.GetPrevious(),
		noPuts:    req.GetNoPuts(),
		noDelete:  req.GetNoDeletes(),
		every:     req.GetProgressEvery().AsDuration(),
	}}
}

// errDeserted ends a cohort that has no watches any more.
var errDeserted = errors.New("rpc: nobody watches any more")

// cohort is watches of one stream that are told the same. Its goroutine alone
// uses the watcher.
type cohort struct {
	pipe    *watchPipe
	start   watchStart
	request feed.WatchRequest
	// greeted says that all watches know from where on they are told.
	greeted bool
	ctx     context.Context
	cancel  context.CancelCauseFunc
	watcher *feed.Watcher
	// taken gets a token when the news is on its way. Until then changes
	// gather in the subscription.
	taken chan struct{}

	// Protected by the pipe's mu:
	members []*pipedWatch
	ids     []uint64 // of the members; nil when they have changed
	seen    int64    // everything up to here is in the newsbox
}

func newCohort(p *watchPipe, req *conclavev1.WatchRequest, start int64) *cohort {
	c := &cohort{pipe: p, start: startOf(req, start), request: feedRequest(req), taken: make(chan struct{}, 1), greeted: true}
	c.request.StartRevision, c.seen = start, max(start-1, 0)
	c.ctx, c.cancel = context.WithCancelCause(p.ctx)
	return c
}

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

// run tells the watches until they have joined another cohort or have ended.
func (c *cohort) run() {
	err := c.follow()
	c.cancel(nil)
	if err == nil || c.pipe.ctx.Err() != nil {
		return // the stream's end says why
	}
	if ids := c.end(err); len(ids) > 0 {
		c.pipe.out.add(c.pipe.failed(ids, err))
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

func (c *cohort) follow() (err error) {
	defer func() { err = recovered(recover(), err) }()
	h := watchHandler{c.pipe.core}
	where, err := h.cluster.Namespace(c.ctx, c.start.namespace)
	if err != nil {
		return unanswered(c.ctx, err)
	}
	ctx, done := h.leaders.while(c.ctx, where.Shard)
	defer done()
	if c.watcher, err = h.begin(ctx, where, c.request); err != nil {
		return unanswered(ctx, err)
	}
	defer c.watcher.Close()
	c.pipe.mu.Lock()
	c.start.id = where.ID
	c.pipe.mu.Unlock()
	if !c.greeted {
		// The callers know now from where on they see everything.
		if err := c.tell(ctx, nil, c.watcher.Progress()); err != nil {
			return unanswered(ctx, err)
		}
	}
	for {
		joined, err := c.next(ctx)
		if joined || errors.Is(context.Cause(c.ctx), errDeserted) {
			return nil
		}
		if err != nil {
			return unanswered(ctx, err)
		}
	}
}

// next tells what is next, or joins another cohort.
func (c *cohort) next(ctx context.Context) (joined bool, err error) {
	batch, caughtUp, err := c.watcher.CatchUp()
	if err != nil {
		return false, err
	}
	if caughtUp && c.join() {
		return true, nil
	}
	if len(batch.Events) == 0 {
		var quiet bool
		batch, quiet, err = nextChanges(ctx, c.watcher, c.start.every)
		if err != nil {
			return false, err
		}
		if quiet {
			return false, c.tell(ctx, nil, c.watcher.Progress())
		}
	}
	for events := batch.Events; len(events) > 0; {
		page, told := firstPage(events, batch.Revision)
		events = events[len(page):]
		if err := c.tell(ctx, page, told); err != nil {
			return false, err
		}
	}
	return false, nil
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

// tell puts whole revisions into the newsbox, in parts if they are large.
func (c *cohort) tell(ctx context.Context, page []*logv1.KVEvent, told int64) error {
	ids := c.recipients(told)
	if len(ids) == 0 {
		return errDeserted
	}
	send := func(m *conclavev1.WatchResponse) error { return c.send(ctx, ids, m) }
	if len(page) == 0 {
		return send(&conclavev1.WatchResponse{Revision: told})
	}
	return pack(page, told, send)
}

// send puts a message into the newsbox and waits until it is on its way.
func (c *cohort) send(ctx context.Context, ids []uint64, m *conclavev1.WatchResponse) error {
	encoded, err := wire.Append(nil, m)
	if err != nil {
		return err
	}
	news := &conclavev1.WatchNews{WatchIds: ids, Response: encoded, Cost: uint64(len(encoded))}
	c.charge(ids, news.GetCost())
	if !c.pipe.out.put(news, c.taken) {
		return context.Cause(c.pipe.ctx)
	}
	select {
	case <-c.taken:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
