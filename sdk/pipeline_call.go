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
	select {
	case <-c.done:
	case <-ctx.Done():
		if p.forget(c) {
			return ended(ctx)
		}
		<-c.done // it was over in the same moment
	}
	err = c.outcome(res)
	p.release(c)
	return err
}

// forget gives up on a call. It is false when the call is over.
func (p *pipeline) forget(c *pipedCall) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c.state {
	case callOver:
		return false
	case callSent:
		delete(p.sent, c.wire.CallId)
		p.cancels = append(p.cancels, c.wire.CallId)
		p.signal()
	}
	c.state = callForgotten
	return true
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
	told := c.reply.GetError()
	if told.GetInfo().GetReason() != conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return fromInfo(told.GetMessage(), told.GetInfo())
	}
	return connect.NewWireError(connect.Code(told.GetCode()), errors.New(told.GetMessage()))
}

// ended is how a unary call says that its context has ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, ctx.Err())
	}
	return connect.NewError(connect.CodeCanceled, ctx.Err())
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
