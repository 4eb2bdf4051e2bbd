package conclave

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// callState is where a call is in a pipeline.
type callState byte

const (
	callQueued    callState = iota
	callSent                // and not answered
	callOver                // done has or will have a token
	callForgotten           // nobody waits for it any more; it is queued, though
)

// pipedCall is one call on its way.
type pipedCall struct {
	wire conclavev1.Call
	// done gets a token when reply or err is there.
	done  chan struct{}
	reply *conclavev1.Reply
	err   error

	state callState // protected by pipeline.mu

	timer *time.Timer // nil before the first call that needs it
}

// maxKeptRequest is how large a buffer may be to be kept.
const maxKeptRequest = 4 << 10

// newCall takes a call that is over, or makes one.
func (p *pipeline) newCall() *pipedCall {
	if c, ok := p.free.Get().(*pipedCall); ok {
		return c
	}
	return &pipedCall{done: make(chan struct{}, 1)}
}

// release keeps what another call can use.
func (p *pipeline) release(c *pipedCall) {
	buffer := c.wire.Request[:0]
	if cap(buffer) > maxKeptRequest {
		buffer = nil
	}
	c.wire.Reset()
	c.wire.Request = buffer
	c.reply, c.err, c.state = nil, nil, callQueued
	p.free.Put(c)
}

// response is a response message that decodes without reflection.
type response interface {
	UnmarshalVT([]byte) error
}

// call makes one call. errNotPiped means that it has to be made by itself, and
// that it was not made.
func (p *pipeline) call(ctx context.Context, procedure conclavev1.Procedure, req wire.Message, res response) error {
	if req.SizeVT() > maxPipedRequest {
		return errNotPiped
	}
	c := p.newCall()
	encoded, err := wire.Append(c.wire.Request, req)
	if err != nil {
		return connect.NewError(connect.CodeInternal, err)
	}
	c.wire.Request, c.wire.Procedure, c.wire.TimeoutMs = encoded, procedure, timeoutMillis(ctx)
	if !p.enqueue(c) {
		p.release(c)
		return errNotPiped
	}
	if err := c.wait(ctx); err != nil {
		switch p.forget(c) {
		case callQueued:
			return &Error{Reason: reasonUnavailable, Message: "no connection in time", cause: errUnsent}
		case callSent:
			return err
		}
		<-c.done // it was over in the same moment
	}
	err = c.outcome(res)
	p.release(c)
	return err
}

// wait waits until the call is over. An error says that ctx ended before.
func (c *pipedCall) wait(ctx context.Context) error {
	var over <-chan time.Time
	if bounded, ok := ctx.(*boundedContext); ok {
		left := time.Until(bounded.until)
		if c.timer == nil {
			c.timer = time.NewTimer(left)
		} else {
			c.timer.Reset(left)
		}
		defer c.timer.Stop()
		over = c.timer.C
	}
	select {
	case <-c.done:
		return nil
	case <-over:
		return connect.NewError(connect.CodeDeadlineExceeded, context.DeadlineExceeded)
	case <-ctx.Done():
		return ended(ctx)
	}
}

// forget gives up on a call, unless it is over, and returns how far it was.
func (p *pipeline) forget(c *pipedCall) callState {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := c.state
	switch was {
	case callOver:
		return was
	case callSent:
		delete(p.sent, c.wire.CallId)
		if p.open != nil {
			p.open.forgotten[c.wire.CallId] = len(c.wire.Request)
		}
		p.cancels = append(p.cancels, c.wire.CallId)
		p.signal()
	}
	c.state = callForgotten
	return was
}

// outcome is what became of a call that is over.
func (c *pipedCall) outcome(res response) error {
	switch {
	case c.err != nil:
		return c.err
	case c.reply.GetError() == nil:
		if err := res.UnmarshalVT(c.reply.GetResponse()); err != nil {
			return connect.NewError(connect.CodeInternal, err)
		}
		return nil
	case connect.Code(c.reply.GetError().GetCode()) == connect.CodeUnimplemented:
		return errNotPiped // the node is older; its own word on the call counts
	}
	return wireError(c.reply.GetError())
}

// ended is how a unary call says that its context has ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, ctx.Err())
	}
	return connect.NewError(connect.CodeCanceled, ctx.Err())
}

// boundedContext is a context with a deadline that it does not watch: whoever
// waits with it does. It costs nothing where a context with a timer of its own
// would cost as much as the rest of a piped call.
type boundedContext struct {
	context.Context
	until time.Time
}

// Deadline is the earlier one of the context's and the bound.
func (c *boundedContext) Deadline() (time.Time, bool) {
	if deadline, ok := c.Context.Deadline(); ok && deadline.Before(c.until) {
		return deadline, true
	}
	return c.until, true
}

// watched is ctx that ends at its deadline.
func watched(ctx context.Context) (context.Context, context.CancelFunc) {
	if bounded, ok := ctx.(*boundedContext); ok {
		return context.WithDeadline(bounded.Context, bounded.until)
	}
	return ctx, func() {}
}

// timeoutMillis is how long a context has left; 0 is for ever.
func timeoutMillis(ctx context.Context) uint32 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(deadline) + time.Millisecond - 1
	return uint32(min(max(left.Milliseconds(), 1), 1<<31))
}
