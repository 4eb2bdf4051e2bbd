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

// unopened decides what becomes of calls when there was no greeting. A node that
// says why, or that cannot be reached at all, fails them. Any other answer means
// that streams do not get through: there is no HTTP/2, a proxy is in between, or
// the node is older than the pipeline.
func (p *pipeline) unopened(err error) {
	e := fromWire(err)
	switch {
	case p.owner.ctx.Err() != nil:
		p.fail(ErrClosed, ErrClosed)
	case e.Reason == reasonShuttingDown, e.Reason == reasonUnavailable && e.harmless() && !e.foreign:
		p.fail(e, e)
	default:
		p.mu.Lock()
		p.unary = time.Now().Add(unaryFor)
		p.mu.Unlock()
		p.fail(errNotPiped, errNotPiped)
	}
}

// broken fails the calls of a stream that was open.
func (p *pipeline) broken(err error) {
	e := fromWire(err)
	unsent := &Error{Reason: reasonUnavailable, Message: "the stream ended", cause: errUnsent}
	if e.Reason == reasonShuttingDown {
		unsent = e
	}
	p.fail(&Error{Reason: reasonUnavailable, Message: "no answer", cause: err}, unsent)
}

// fail ends all calls.
func (p *pipeline) fail(sent, queued error) {
	p.mu.Lock()
	var over []*pipedCall
	for _, c := range p.sent {
		c.err = sent
		over = append(over, c)
	}
	for _, c := range p.queue {
		if c.state != callForgotten {
			c.err = queued
			over = append(over, c)
		}
	}
	for _, c := range over {
		c.state = callOver
	}
	clear(p.sent)
	p.queue, p.cancels = nil, nil
	p.mu.Unlock()
	for _, c := range over {
		c.done <- struct{}{}
	}
}

// receive hands the answers out until the stream ends. The first message is the
// greeting.
func (p *pipeline) receive(conv *conversation, greeted chan<- struct{}) error {
	if _, err := conv.carrier.Receive(); err != nil {
		return err
	}
	close(greeted)
	var over []*pipedCall
	for {
		response, err := conv.carrier.Receive()
		if err != nil {
			return err
		}
		over = over[:0]
		p.mu.Lock()
		conv.unheard, conv.heard = 0, true
		for _, reply := range response.GetReplies() {
			if c := p.sent[reply.GetCallId()]; c != nil {
				delete(p.sent, reply.GetCallId())
				conv.unread -= len(c.wire.Request)
				c.state, c.reply = callOver, reply
				over = append(over, c)
			} else {
				conv.unread -= conv.forgotten[reply.GetCallId()]
				delete(conv.forgotten, reply.GetCallId())
			}
		}
		p.mu.Unlock()
		for _, c := range over {
			c.done <- struct{}{}
		}
		clear(over)
		if len(response.GetLeaderUrls()) > 0 && p.led != nil {
			p.led(response.GetLeaderUrls())
		}
	}
}
