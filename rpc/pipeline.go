package rpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Bounds of one stream. Over the first two it is not read, so that what the
// caller sends next waits with the caller.
const (
	maxPipedCalls = 16 << 10
	maxPipedBytes = 64 << 20
	// maxPipedWaits bounds the calls that stand in a line or wait for news. They
	// do not count above: renewals have to get past them.
	maxPipedWaits = 128 << 10
	// maxReplyBytes is how much the answers to a caller that does not read them
	// may take, maxMessageBytes how much of it goes into one message.
	maxReplyBytes   = 64 << 20
	maxMessageBytes = 1 << 20
	// maxReaders is how many goroutines of a stream wait for messages to carry
	// out. When more come at a time, there are more for the time being.
	maxReaders = 4
	// drainPatience is how long calls that are on their way may take when the
	// node drains.
	drainPatience = time.Second
)

// pipelineHandler carries the calls of the other services.
type pipelineHandler struct {
	*core
	edge       *edge
	procedures procedures
	upgrades   *upgrades
}

type pipelineStream = connect.BidiStream[conclavev1.PipelineRequest, conclavev1.PipelineResponse]

// carrier is what messages of a stream pass over: a stream of Connect, or a
// connection of its own. One goroutine sends and one receives at a time.
type carrier interface {
	Send(*conclavev1.PipelineResponse) error
	Receive() (*conclavev1.PipelineRequest, error)
}

// pipe is one open stream.
//
//	reader ─▶ message ─┬─▶ its changes   ─▶ one ProposeAll ─┬─▶ outbox ─▶ stream
//	                   ├─▶ its questions ─▶ one QueryAll   ─┤
//	                   └─▶ other calls, each by itself ─────┘
//
// A message is one goroutine, and one more for each further group in it. Only
// calls that wait have goroutines of their own. Who reads a message carries it
// out, and leaves the next one to another reader; who brings answers to an idle
// stream sends them, and leaves what comes meanwhile to the writer. So a call
// that is alone does not change goroutines here.
type pipe struct {
	*pipelineHandler
	carrier carrier
	// life ends when nobody will read the answers any more, patience also when
	// the node drains: it is for what may take long.
	life, patience context.Context
	load           load
	waits          openWaits
	// standing is how many calls wait.
	standing atomic.Int64
	out      outbox

	// turn is a token: who has it receives. over is closed when nobody will any
	// more. readers is how many wait for their turn; they are kept because their
	// stacks have grown.
	turn    chan struct{}
	over    chan struct{}
	readers atomic.Int32

	mu      sync.Mutex // orders closing before work is awaited
	closing bool
	work    sync.WaitGroup
}

// Pipeline serves one stream of Connect.
func (h pipelineHandler) Pipeline(ctx context.Context, stream *pipelineStream) error {
	if h.draining.Err() != nil {
		return errDraining // who is not greeted keeps its calls
	}
	if err := stream.Send(&conclavev1.PipelineResponse{}); err != nil {
		return err
	}
	_, err := h.converse(ctx, stream)
	return err
}

// converse serves a stream until the caller ends it or the node drains. When it
// drains, calls that are on their way are answered first. over is closed when
// nobody receives any more, which may be later.
func (h pipelineHandler) converse(ctx context.Context, carrier carrier) (over <-chan struct{}, err error) {
	life, die := context.WithCancel(context.WithoutCancel(ctx))
	defer die()
	patience, cut := context.WithCancelCause(life)
	defer context.AfterFunc(ctx, func() { cut(context.Cause(ctx)) })()
	p := &pipe{
		pipelineHandler: &h, carrier: carrier, life: life, patience: patience,
		turn: make(chan struct{}, 1), over: make(chan struct{}),
	}
	p.turn <- struct{}{}
	p.load.init(&h.budgets.calls)
	p.out.init()
	var writing sync.WaitGroup
	writing.Go(func() {
		p.write()
		die() // nobody hears what becomes of the calls
	})
	read := make(chan error, 1)
	go p.read(read) // this reader and those that follow it end with the stream

	select {
	case err = <-read:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-life.Done(): // nothing can be sent any more
		err = context.Canceled
	}
	p.finish(ctx, die, err)
	p.out.close()
	writing.Wait()
	p.load.close()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return p.over, err
}

// finish takes no more calls and waits for those that it has.
func (p *pipe) finish(ctx context.Context, die context.CancelFunc, err error) {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		p.work.Wait()
		close(done)
	}()
	if errors.Is(err, io.EOF) { // the caller sends no more, but waits
		select {
		case <-done:
			return
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if errors.Is(err, errDraining) {
		patience := time.NewTimer(drainPatience)
		defer patience.Stop()
		select {
		case <-done:
		case <-patience.C:
		}
	}
	die()
	<-done
}

// enter begins work on the stream's behalf, which ends with work.Done. It is
// false when the stream ends.
func (p *pipe) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.work.Add(1)
	return true
}
