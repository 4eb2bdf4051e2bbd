package conclave

import (
	"context"

	"connectrpc.com/connect"
)

// incoming is what a node streams. It ends with the context that it was opened
// with.
type incoming[Res any] interface {
	Receive() bool
	Msg() *Res
	Err() error
}

var _ incoming[int] = (*connect.ServerStreamForClient[int])(nil)

// follow is where all streams go through. It opens a stream, gives each message
// to next, and opens it again at another node when it breaks, until ctx ends,
// the service refuses, or next reports false. It returns the error to end with,
// nil if next wanted the end.
//
// method opens a stream. open is called before each attempt, so it can ask to resume where the messages
// so far have come to.
func follow[Req, Res any, S incoming[Res]](
	ctx context.Context,
	c *Client,
	method func(*services, context.Context, *Req) (S, error),
	open func() *Req,
	next func(*Res) bool,
) error {
	ctx, stop := c.attached(ctx)
	defer stop()
	a := attempts{client: c, effect: reads}
	for {
		if err := a.ended(ctx); err != nil {
			return err
		}
		req := open()
		if err := settle(ctx, c, req); err != nil {
			return err
		}
		at, more, err := receive(ctx, c, method, req, func(res *Res) bool {
			a.backoff.reset()
			return next(res)
		})
		if !more {
			return nil
		}
		if err == nil {
			// Streams go on for ever, so a clean end is one of the node.
			err = &Error{Reason: reasonUnavailable, Message: "the stream ended"}
		}
		if err == errEvicted || isReason(err, reasonResync) {
			pause(ctx, a.backoff.next(1)) // the next stream tells what was missed
			continue
		}
		if err := a.failed(ctx, at, err); err != nil {
			return err
		}
	}
}

// receive follows one stream at one node. more is false when next wanted the end.
func receive[Req, Res any, S incoming[Res]](
	ctx context.Context,
	c *Client,
	method func(*services, context.Context, *Req) (S, error),
	req *Req,
	next func(*Res) bool,
) (at *node, more bool, err error) {
	at, ctx, stop := c.endpoints.attach(ctx)
	defer stop() // ends the stream; closing it would wait for the node's end
	stream, err := method(at.long, ctx, req)
	if err != nil {
		return at, true, fromWire(err)
	}
	for stream.Receive() {
		if !next(stream.Msg()) {
			return at, false, nil
		}
	}
	switch err := stream.Err(); {
	case evicted(ctx):
		return at, true, errEvicted
	case err != nil:
		return at, true, fromWire(err)
	}
	return at, true, nil
}
