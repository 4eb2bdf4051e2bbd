package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
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
	p := newWatchPipe(ctx, h.core, h.edge, stream)
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

func newWatchPipe(ctx context.Context, core *core, edge *edge, stream *watchStream) *watchPipe {
	p := &watchPipe{
		core: core, edge: edge, stream: stream, ctx: ctx,
		watches: make(map[uint64]*pipedWatch), leads: make(map[watchKind]*cohort),
	}
	p.out.init()
	return p
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
