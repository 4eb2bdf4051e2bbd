package conclave

import (
	"context"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

const (
	// A node that does not greet within the dial timeout, or that does not know
	// the pipeline, is called without it for unaryFor.
	unaryFor = time.Minute

	// Larger requests go by themselves, so that nothing waits behind them.
	maxPipedRequest = 128 << 10
	// lastWords is how long answers are waited for when nothing can be sent any more:
	// they may have come before the stream ended.
	lastWords = time.Second

	// A message takes up to so many calls and bytes.
	maxPipedCalls = 4096
	maxPipedBytes = 512 << 10
)

var (
	// errNotPiped says that a call has to go by itself.
	errNotPiped = errors.New("not piped")
	// errUnsent is the cause of a failure before a call was sent.
	errUnsent = errors.New("the call was not sent")
)

// pipeline carries unary calls to a node over one stream. Calls that are made
// while a message is being sent go together in the next one; there are no
// timers. A call that finds the stream idle is sent by its caller, others by the
// pipeline's goroutine. It opens the stream with the first call, and again with
// the first one after it broke.
//
//	        first call             greeting
//	closed ───────────▶ opening ───────────────▶ open
//	  ▲                    │                       │
//	  │                    ├─ node cannot be reached, or stops: its calls fail
//	  │                    └─ no greeting: unary for a minute
//	  └── the stream broke: what was sent has an unknown fate ◀──┘
//
// A call whose stream broke fails like one without an answer; callers send it
// again, with its request id.
type pipeline struct {
	client conclavev1connect.PipelineServiceClient
	owner  *connections
	// upgrade connects without HTTP/2. nil: there is a client of the user's for
	// all connections.
	upgrade func(context.Context) (*wire.Conn, error)
	// led is told where another node leads that changes go to; nil: nobody is.
	led func(urls []string)

	// free are calls that are over. They are not shared with other clients,
	// because channels must not leave the bubble of a synctest.
	free sync.Pool

	// wake holds a token when there may be something to send.
	wake chan struct{}

	mu      sync.Mutex // protects what follows
	running bool
	closed  bool
	unary   time.Time // until then calls go by themselves
	lastID  uint64
	queue   []*pipedCall
	sent    map[uint64]*pipedCall
	cancels []uint64
	open    *conversation // nil while there is no stream
}

// conversation is one open stream. Its fields are protected by pipeline.mu, but
// for request, which is for who sends.
type conversation struct {
	carrier carrier
	request conclavev1.PipelineRequest
	// sending says that somebody sends, and nobody else may: for ever after that
	// has failed, which closes lost. unheard is how many messages were sent since
	// the last answer.
	sending bool
	lost    chan struct{}
	unheard int
	// said and heard say that a message was sent or received since they were
	// looked at.
	said, heard bool
	// unread is the size of the requests that have no answer, which the node may
	// not have read; forgotten has those for which nobody waits any more.
	unread    int
	forgotten map[uint64]int
}

type pipelineStream = connect.BidiStreamForClientSimple[conclavev1.PipelineRequest, conclavev1.PipelineResponse]

func newPipeline(client conclavev1connect.PipelineServiceClient, owner *connections) *pipeline {
	return &pipeline{client: client, owner: owner, wake: make(chan struct{}, 1), sent: make(map[uint64]*pipedCall)}
}

// enqueue takes a call. It is false when the call has to go by itself.
func (p *pipeline) enqueue(c *pipedCall) bool {
	p.mu.Lock()
	if p.closed || !p.unary.IsZero() && time.Now().Before(p.unary) {
		p.mu.Unlock()
		return false
	}
	if !p.running {
		if p.running = p.owner.start(p.run); !p.running {
			p.mu.Unlock()
			return false
		}
	}
	p.lastID++
	c.wire.CallId = p.lastID
	p.queue = append(p.queue, c)
	first := len(p.queue) == 1
	idle := p.idleLocked(c)
	p.mu.Unlock()
	switch {
	case idle != nil:
		p.sendFor(idle)
	case first:
		p.signal()
	}
	return true
}

func (p *pipeline) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run keeps a stream open while there are calls, until the client is closed.
func (p *pipeline) run() {
	for {
		select {
		case <-p.wake:
		case <-p.owner.ctx.Done():
			p.mu.Lock()
			p.closed = true
			p.mu.Unlock()
			p.fail(ErrClosed, ErrClosed)
			return
		}
		p.converse()
	}
}

// converse opens a stream and sends what is queued until it breaks.
func (p *pipeline) converse() {
	ctx, cancel := context.WithCancel(p.owner.ctx)
	defer cancel()
	carrier, err := p.openCarrier(ctx)
	if err != nil {
		p.unopened(err)
		return
	}
	greeted, ended := make(chan struct{}), make(chan error, 1)
	conv := &conversation{carrier: carrier, lost: make(chan struct{}), forgotten: make(map[uint64]int)}
	go func() {
		ended <- p.receive(conv, greeted)
		cancel() // what ends send
	}()
	patience := time.NewTimer(p.owner.dialTimeout)
	defer patience.Stop()
	select {
	case <-greeted:
	case <-ctx.Done():
	case <-patience.C:
	}
	fate := p.unopened
	select {
	case <-greeted:
		p.send(ctx, conv)
		fate = p.broken
		patience.Reset(lastWords)
		select {
		case <-ctx.Done():
		case <-patience.C:
		}
	default:
	}
	cancel()
	carrier.end()
	err = <-ended
	carrier.close()
	fate(err)
}
