package conclave

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// fakeNode is a node that does what a test wants where real ones are too well
// behaved.
type fakeNode struct {
	conclavev1connect.UnimplementedKVServiceHandler
	conclavev1connect.UnimplementedLeaseServiceHandler
	conclavev1connect.UnimplementedMutexServiceHandler
	conclavev1connect.UnimplementedNamespaceServiceHandler
	conclavev1connect.UnimplementedQueueServiceHandler
	conclavev1connect.UnimplementedWatchServiceHandler

	put     func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error)
	txn     func(*conclavev1.TxnRequest) (*conclavev1.TxnResponse, error)
	get     func(*conclavev1.GetRequest) (*conclavev1.GetResponse, error)
	create  func() error
	spaces  func(*conclavev1.ListNamespacesRequest) (*conclavev1.ListNamespacesResponse, error)
	acquire func(context.Context, *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error)
	cancel  func(*conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error)
	release func(*conclavev1.ReleaseMutexRequest) (*conclavev1.ReleaseMutexResponse, error)
	watch   func(*conclavev1.WatchRequest, *connect.ServerStream[conclavev1.WatchResponse]) error
	renewed func() error
}

func (f *fakeNode) handler() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(conclavev1connect.NewKVServiceHandler(f))
	mux.Handle(conclavev1connect.NewLeaseServiceHandler(f))
	mux.Handle(conclavev1connect.NewMutexServiceHandler(f))
	mux.Handle(conclavev1connect.NewNamespaceServiceHandler(f))
	mux.Handle(conclavev1connect.NewWatchServiceHandler(f))
	return mux
}

// serve makes the node reachable.
func (f *fakeNode) serve(t *testing.T) string {
	server := httptest.NewUnstartedServer(f.handler())
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server.Config.Protocols = &protocols
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// dial makes a client that begins with the first endpoint.
func dial(t *testing.T, endpoints []string, opts ...Option) *Client {
	t.Helper()
	c, err := Dial(t.Context(), endpoints, opts...)
	if err != nil {
		t.Fatal(err)
	}
	c.endpoints.current.Store(0)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// network has what answers at a host, and nobody else listens. It takes no time
// and no socket: in a bubble of synctest, time passes only while the SDK waits.
type network map[string]http.Handler

// everywhere makes the SDK use the network.
func (n network) everywhere() Option { return WithHTTPClient(&http.Client{Transport: n}) }

func (n network) RoundTrip(req *http.Request) (res *http.Response, err error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	answers := n[req.URL.Host]
	if answers == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	defer func() {
		if recover() != nil { // by broken
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	answer := httptest.NewRecorder()
	answers.ServeHTTP(answer, req)
	res = answer.Result()
	res.Request = req
	return res, nil
}

// refusal is an error as the service sends it.
func refusal(code connect.Code, info *conclavev1.ErrorInfo) error {
	err := connect.NewError(code, errors.New("no"))
	detail, _ := connect.NewErrorDetail(info)
	err.AddDetail(detail)
	return err
}

func refused(reason conclavev1.ErrorReason) error {
	return refusal(connect.CodeUnavailable, &conclavev1.ErrorInfo{Reason: reason})
}

// broken ends the connection without an answer.
func broken() { panic(http.ErrAbortHandler) }

func (f *fakeNode) Put(_ context.Context, req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
	return f.put(req)
}

func (f *fakeNode) Get(_ context.Context, req *conclavev1.GetRequest) (*conclavev1.GetResponse, error) {
	return f.get(req)
}

func (f *fakeNode) CreateNamespace(context.Context, *conclavev1.CreateNamespaceRequest) (*conclavev1.CreateNamespaceResponse, error) {
	return &conclavev1.CreateNamespaceResponse{}, f.create()
}

func (f *fakeNode) ListNamespaces(_ context.Context, req *conclavev1.ListNamespacesRequest) (*conclavev1.ListNamespacesResponse, error) {
	return f.spaces(req)
}

func (f *fakeNode) AcquireMutex(ctx context.Context, req *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error) {
	return f.acquire(ctx, req)
}

func (f *fakeNode) CancelAcquire(_ context.Context, req *conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
	return f.cancel(req)
}

func (f *fakeNode) ReleaseMutex(_ context.Context, req *conclavev1.ReleaseMutexRequest) (*conclavev1.ReleaseMutexResponse, error) {
	return f.release(req)
}

func (f *fakeNode) Watch(_ context.Context, req *conclavev1.WatchRequest, stream *connect.ServerStream[conclavev1.WatchResponse]) error {
	return f.watch(req, stream)
}

func (f *fakeNode) GrantLease(_ context.Context, req *conclavev1.GrantLeaseRequest) (*conclavev1.GrantLeaseResponse, error) {
	return &conclavev1.GrantLeaseResponse{LeaseId: 1, Ttl: req.GetTtl()}, nil
}

func (f *fakeNode) RenewLease(context.Context, *conclavev1.RenewLeaseRequest) (*conclavev1.RenewLeaseResponse, error) {
	if f.renewed != nil {
		if err := f.renewed(); err != nil {
			return nil, err
		}
	}
	return &conclavev1.RenewLeaseResponse{Ttl: optional(ttlDefault)}, nil
}

func (f *fakeNode) RevokeLease(context.Context, *conclavev1.RevokeLeaseRequest) (*conclavev1.RevokeLeaseResponse, error) {
	return &conclavev1.RevokeLeaseResponse{}, nil
}

// WatchLease loses nothing, until the session ends.
func (f *fakeNode) WatchLease(ctx context.Context, _ *conclavev1.WatchLeaseRequest, stream *connect.ServerStream[conclavev1.WatchLeaseResponse]) error {
	if err := stream.Send(&conclavev1.WatchLeaseResponse{}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}
