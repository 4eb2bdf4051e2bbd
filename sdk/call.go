package conclave

import (
	"context"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// reattach is how long one attempt of a wait lasts. Then the same request is
// sent again: that keeps its request id known, and proxies content.
const reattach = 4 * time.Minute

// method is a unary call of a node, e.g. (*services).Put.
type method[Req, Res any] = func(*services, context.Context, *Req) (*Res, error)

// read asks until there is an answer.
func read[Req, Res any](ctx context.Context, c *Client, m method[Req, Res], req *Req) (*Res, error) {
	return call(ctx, c, reads, m, req)
}

// mutate does something exactly once. slot is where the request has its id.
func mutate[Req, Res any](ctx context.Context, c *Client, m method[Req, Res], req *Req, slot **conclavev1.RequestId) (*Res, error) {
	id := c.quickIDs.begin()
	defer id.end()
	return mutateAs(ctx, c, id, m, req, slot)
}

// mutateAs does something under an id that the caller ends: to ask again later
// what became of it.
func mutateAs[Req, Res any](ctx context.Context, c *Client, id *requestID, m method[Req, Res], req *Req, slot **conclavev1.RequestId) (*Res, error) {
	*slot = id.proto()
	return call(ctx, c, once, m, req)
}

// call is where all calls that are answered at once go through.
func call[Req, Res any](ctx context.Context, c *Client, effect effect, m method[Req, Res], req *Req) (*Res, error) {
	if err := settle(ctx, c, req); err != nil {
		return nil, err
	}
	a := attempts{client: c, effect: effect}
	for {
		if err := a.ended(ctx); err != nil {
			return nil, err
		}
		at := c.endpoints.pick()
		res, err := attempt(ctx, c.requestTimeout, at.quick, m, req)
		if err == nil {
			return res, nil
		}
		if err := a.failed(ctx, at, err); err != nil {
			return nil, err
		}
	}
}

// wait is where all calls go through that may stand in line. They have a
// request id, so each attempt finds the place that the first one took (promise
// R4).
func wait[Req, Res any](ctx context.Context, c *Client, m method[Req, Res], req *Req) (*Res, error) {
	if err := settle(ctx, c, req); err != nil {
		return nil, err
	}
	a := attempts{client: c, effect: once}
	for {
		if err := a.ended(ctx); err != nil {
			return nil, err
		}
		at, attached, stop := c.endpoints.attach(ctx)
		sent := time.Now()
		res, err := attempt(attached, reattach, at.long, m, req)
		// The node answers a little before the attempt's time is over.
		again := evicted(attached) || time.Since(sent) >= reattach-time.Second
		stop()
		if err == nil {
			return res, nil
		}
		if again && ctx.Err() == nil && fromWire(err).retryable() {
			a.unknown = true
			a.backoff.reset()
			continue
		}
		if err := a.failed(ctx, at, err); err != nil {
			return nil, err
		}
	}
}

// attempt asks one node once.
func attempt[Req, Res any](ctx context.Context, timeout time.Duration, s *services, m method[Req, Res], req *Req) (*Res, error) {
	if s.piped {
		return m(s, &boundedContext{Context: ctx, until: time.Now().Add(timeout)}, req)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return m(s, ctx, req)
}
