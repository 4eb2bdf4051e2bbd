package etcd

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/internal/wire"
)

// Mount serves the API on a mux, as the client port does: gRPC, gRPC-Web and
// Connect under the paths of etcd's services, JSON under /v3/, and /health. What
// /version has to say for etcd's clients is in Versions.
func (s *Server) Mount(mux *http.ServeMux) {
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(maxRequestBytes + maxOverheadBytes),
		connect.WithSendMaxBytes(math.MaxInt32),
		connect.WithInterceptors(connectEdge{s}),
		connect.WithCodec(wire.Binary{}),
		connect.WithCodec(jsonCodec{name: "json"}),
		connect.WithCodec(jsonCodec{name: "json; charset=utf-8"}),
	}
	s.mountCalls(mux, options)
	mux.Handle("/v3/", s.gateway)
	mux.HandleFunc("/health", s.healthPage)
}

// Services are the names of etcd's services, in order.
func (s *Server) Services() []string {
	var names []string
	for name := range s.native.GetServiceInfo() {
		if !strings.HasPrefix(name, "grpc.") { // health and reflection are the port's own
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// call serves one call with one answer.
func call[Req, Res any](mux *http.ServeMux, options []connect.HandlerOption, path string,
	answer func(context.Context, *Req) (*Res, error)) {
	mux.Handle(path, connect.NewUnaryHandlerSimple(path, answer, options...))
}

// converse serves a stream in both directions.
func converse[Req, Res any](mux *http.ServeMux, options []connect.HandlerOption, path string,
	serve func(grpc.BidiStreamingServer[Req, Res]) error) {
	mux.Handle(path, connect.NewBidiStreamHandler(path, func(ctx context.Context, stream *connect.BidiStream[Req, Res]) error {
		return serve(conversation[Req, Res]{headless: headless{ctx}, stream: stream})
	}, options...))
}

// tell serves a stream of answers.
func tell[Req, Res any](mux *http.ServeMux, options []connect.HandlerOption, path string,
	serve func(*Req, grpc.ServerStreamingServer[Res]) error) {
	mux.Handle(path, connect.NewServerStreamHandlerSimple(path, func(ctx context.Context, req *Req, stream *connect.ServerStream[Res]) error {
		return serve(req, telling[Res]{headless: headless{ctx}, stream: stream})
	}, options...))
}

// conversation is Connect's stream as etcd's generated interface has it.
type conversation[Req, Res any] struct {
	headless
	stream *connect.BidiStream[Req, Res]
}

func (c conversation[Req, Res]) Send(res *Res) error { return c.stream.Send(res) }

func (c conversation[Req, Res]) Recv() (*Req, error) {
	req, err := c.stream.Receive()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	return req, err
}

// telling is the same for one direction.
type telling[Res any] struct {
	headless
	stream *connect.ServerStream[Res]
}

func (t telling[Res]) Send(res *Res) error { return t.stream.Send(res) }

// headless is the part of grpc.ServerStream that no service here uses: headers,
// trailers and untyped messages.
type headless struct{ ctx context.Context }

func (h headless) Context() context.Context     { return h.ctx }
func (h headless) SetHeader(metadata.MD) error  { return nil }
func (h headless) SendHeader(metadata.MD) error { return nil }
func (h headless) SetTrailer(metadata.MD)       {}
func (h headless) SendMsg(any) error            { return errors.ErrUnsupported }
func (h headless) RecvMsg(any) error            { return errors.ErrUnsupported }

// connectEdge is around every call that comes through Connect.
type connectEdge struct{ server *Server }

var _ connect.Interceptor = connectEdge{}

// WrapUnary admits a call and puts its error in Connect's terms.
func (e connectEdge) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		done, err := e.server.open.call(req.Spec().Procedure, req.Any())
		if err != nil {
			return nil, connectError(err)
		}
		defer done()
		ctx = metadata.NewIncomingContext(ctx, headers(req.Header()))
		if err := e.server.admit(ctx); err != nil {
			return nil, connectError(err)
		}
		res, err := next(ctx, req)
		return res, connectError(err)
	}
}

// WrapStreamingHandler does the same for a stream.
func (e connectEdge) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		done, err := e.server.open.stream()
		if err != nil {
			return connectError(err)
		}
		defer done()
		ctx = metadata.NewIncomingContext(ctx, headers(conn.RequestHeader()))
		if err := e.server.admit(ctx); err != nil {
			return connectError(err)
		}
		return connectError(next(ctx, conn))
	}
}

// WrapStreamingClient leaves clients alone; there are none.
func (e connectEdge) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func headers(h http.Header) metadata.MD {
	md := make(metadata.MD, len(h))
	for name, values := range h {
		md.Append(name, values...)
	}
	return md
}

// connectError is a gRPC error as Connect sends it: the codes are the same.
func connectError(err error) error {
	var told *connect.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	s := status.Convert(err)
	return connect.NewError(connect.Code(s.Code()), errors.New(s.Message()))
}
