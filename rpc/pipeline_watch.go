package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/cluster"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

const (
	// maxPipedWatches is how many watches a stream may have.
	maxPipedWatches = 128 << 10
	// maxOwed is how many bytes of news a watch may have that its caller is not
	// done with. Over it the watch is told nothing; under resumeOwed it goes on,
	// from the disk if the feed has gone further.
	maxOwed    = 1 << 20
	resumeOwed = maxOwed / 2
)

type watchStream = connect.BidiStream[conclavev1.WatchManyRequest, conclavev1.WatchManyResponse]

// watchPipe is one open stream of watches.
//
//	reader ─▶ watches ─▶ cohorts, each with a feed.Watcher ─▶ newsbox ─▶ writer
//
// Watches of the same keys that are told the same form a cohort: one goroutine,
// one encoding, one message for all of them. Watches that begin at different
// revisions are cohorts of their own until they have caught up; then they join
// the one that had caught up before.
type watchPipe struct {
	*core
	edge   *edge
	stream *watchStream
	ctx    context.Context // of all cohorts
	out    newsbox
	work   sync.WaitGroup

	mu      sync.Mutex // protects what follows, and the cohorts
	closing bool
	watches map[uint64]*pipedWatch
	// leads are the cohorts that others join when they have caught up.
	leads map[watchKind]*cohort
}

// pipedWatch is one watch of a stream. watchPipe.mu protects it.
type pipedWatch struct {
	id   uint64
	req  *conclavev1.WatchRequest
	owed uint64
	// cohort is nil while the watch has to wait for its caller.
	cohort *cohort
	slot   int // in the cohort
	// known is a revision up to which the watch was told everything. Its cohort
	// may have come further.
	known int64
	// greeted watches have been told from where on they see everything, or will
	// be by their first cohort.
	greeted bool
	ended   func(error)
}

// WatchMany serves one stream of watches until the caller ends it or the node
// drains.
func (h pipelineHandler) WatchMany(ctx context.Context, stream *watchStream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &watchPipe{
		core: h.core, edge: h.edge, stream: stream, ctx: ctx,
		watches: make(map[uint64]*pipedWatch), leads: make(map[watchKind]*cohort),
	}
	p.out.init()
	if err := stream.Send(&conclavev1.WatchManyResponse{}); err != nil {
		return err
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		if err := p.out.write(stream.Send); err != nil {
			cancel(err)
		}
	})
	read := make(chan error, 1)
	go func() { read <- p.read() }() // ends with the stream at the latest

	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.finish(cancel, err)
	writing.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// finish ends all watches.
func (p *watchPipe) finish(cancel context.CancelCauseFunc, err error) {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	cancel(err)
	p.out.close()
	p.work.Wait()
	for _, w := range p.watches {
		w.ended(nil)
	}
}

// read takes messages until the stream ends.
func (p *watchPipe) read() error {
	for {
		request, err := p.stream.Receive()
		if err != nil {
			return err
		}
		if err := p.take(request.GetCalls()); err != nil {
			return err
		}
	}
}

// take carries out the calls of a message. Watches that begin alike begin
// together.
func (p *watchPipe) take(calls []*conclavev1.WatchCall) error {
	alike := map[watchStart]*cohort{}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil
	}
	for _, call := range calls {
		w := p.watches[call.GetWatchId()]
		switch {
		case call.GetWatch() != nil && w != nil:
			return fail(conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, "watch_id %d is that of another watch", call.GetWatchId())
		case call.GetWatch() != nil:
			p.beginLocked(call, alike)
		case w == nil: // it has ended
		case call.GetCancel():
			p.removeLocked(w, nil)
		default:
			w.owed -= min(w.owed, call.GetDone())
			if w.cohort == nil && w.owed <= resumeOwed {
				p.enterLocked(w, w.known+1, alike)
			}
		}
	}
	for _, c := range alike {
		p.work.Go(c.run)
	}
	return nil
}

// beginLocked begins a watch, unless it cannot be.
func (p *watchPipe) beginLocked(call *conclavev1.WatchCall, alike map[watchStart]*cohort) {
	err := checkWatch(call.GetWatch())
	if err == nil && len(p.watches) >= maxPipedWatches {
		err = cluster.ErrOverloaded
	}
	if err != nil {
		p.out.add(p.failed([]uint64{call.GetWatchId()}, err))
		return
	}
	w := &pipedWatch{
		id:    call.GetWatchId(),
		req:   call.GetWatch(),
		ended: p.edge.metrics.streamBegan(conclavev1connect.WatchServiceWatchProcedure),
	}
	p.watches[w.id] = w
	p.enterLocked(w, w.req.GetStartRevision(), alike)
}

// enterLocked puts a watch into the cohort of those that begin like it.
func (p *watchPipe) enterLocked(w *pipedWatch, start int64, alike map[watchStart]*cohort) {
	key := startOf(w.req, start)
	c := alike[key]
	if c == nil {
		c = newCohort(p, w.req, start)
		alike[key] = c
	}
	c.greeted = c.greeted && w.greeted
	w.greeted = true
	c.addLocked(w)
}

// removeLocked forgets a watch.
func (p *watchPipe) removeLocked(w *pipedWatch, err error) {
	delete(p.watches, w.id)
	if w.cohort != nil {
		w.cohort.dropLocked(w)
	}
	w.ended(err)
}

// failed is the news that watches have ended.
func (p *watchPipe) failed(ids []uint64, err error) *conclavev1.WatchNews {
	f := p.edge.explained(conclavev1connect.WatchServiceWatchProcedure, err)
	return &conclavev1.WatchNews{WatchIds: ids, Error: &conclavev1.CallError{
		Code: uint32(f.status()), Message: f.message, Info: f.info,
	}}
}
