package rpc

import (
	"context"
	"errors"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

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
