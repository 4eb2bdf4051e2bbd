package rpc

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/cluster"
)

// edge is around every call: it counts, stops panics, and lets no error out but
// those that connectError made.
type edge struct {
	core    *core
	metrics *metrics
	log     zerolog.Logger
}

var _ connect.Interceptor = (*edge)(nil)

// WrapUnary is around calls with one answer.
func (e *edge) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		procedure, began := req.Spec().Procedure, time.Now()
		defer func() {
			err = e.leave(procedure, recovered(recover(), err))
			e.metrics.unaryEnded(procedure, began, codeName(err))
		}()
		size := 0
		if message, ok := req.Any().(proto.Message); ok {
			size = proto.Size(message)
		}
		unary := &e.core.budgets.unary
		if !unary.Take(1, size) {
			return nil, cluster.ErrOverloaded
		}
		defer unary.Give(1, size)
		ctx, done := inTime(ctx)
		defer done()
		return next(ctx, req)
	}
}

// answerTime is how much of its time a request leaves for the answer at most.
const answerTime = 500 * time.Millisecond

// inTime is a context that ends a little before the request's deadline: a client
// that hears that there is no majority, or that its place in line is kept, knows
// more than one that hears nothing.
func inTime(ctx context.Context) (_ context.Context, done func()) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, leavingTime(time.Until(deadline)))
}

// leavingTime is a caller's time without what the answer needs.
func leavingTime(d time.Duration) time.Duration { return d - min(d/10, answerTime) }

// WrapStreamingHandler is around streams.
func (e *edge) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return e.streamed(ctx, conn.Spec().Procedure, func(ctx context.Context) error { return next(ctx, conn) })
	}
}

// streamed is around a stream, which ends when the server drains.
func (e *edge) streamed(ctx context.Context, procedure string, next func(context.Context) error) (err error) {
	ended := e.metrics.streamBegan(procedure)
	ctx, done := e.core.untilDrained(ctx)
	defer func() {
		done()
		err = e.leave(procedure, recovered(recover(), err))
		ended(err)
	}()
	return next(ctx)
}

// WrapStreamingClient is for clients; a server has none.
func (e *edge) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// leave turns an error into what the client gets.
func (e *edge) leave(procedure string, err error) error {
	if err == nil {
		return nil
	}
	return connectError(e.explained(procedure, err))
}

// explained puts an error in the terms of the API, and logs what the operator
// has to know: failures of the server, not of its clients.
func (e *edge) explained(procedure string, err error) *failure {
	f := explain(err)
	if f.status() == connect.CodeInternal {
		cause := err
		if f.cause != nil {
			cause = f.cause
		}
		e.log.Error().Str("procedure", procedure).Err(cause).Msg("a request failed inside the server")
	} else {
		e.log.Debug().Str("procedure", procedure).Stringer("code", f.status()).Msg(f.message)
	}
	return f
}

// recovered makes an error of a panic. net/http's own way to drop a connection
// goes on.
func recovered(panicked any, err error) error {
	if panicked == nil {
		return err
	}
	if panicked == http.ErrAbortHandler {
		panic(panicked)
	}
	return fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
}
