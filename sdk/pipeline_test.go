package conclave

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// nodeStream is a stream as a node has it.
type nodeStream = connect.BidiStream[conclavev1.PipelineRequest, conclavev1.PipelineResponse]

// watchesStream is a stream of watches as a node has it.
type watchesStream = connect.BidiStream[conclavev1.WatchManyRequest, conclavev1.WatchManyResponse]

// fakePipe is a pipeline as a test wants it.
type fakePipe struct {
	conclavev1connect.UnimplementedPipelineServiceHandler

	opened atomic.Int64
	serve  func(ctx context.Context, stream *nodeStream) error
	// upgrade is for who asks for the connection; nil: Connect's handler is.
	asked   atomic.Int64
	upgrade func(w http.ResponseWriter, r *http.Request)
	watch   func(ctx context.Context, stream *watchesStream) error
}

// WatchMany greets before the test has its way.
func (f *fakePipe) WatchMany(ctx context.Context, stream *watchesStream) error {
	if f.watch == nil {
		return f.UnimplementedPipelineServiceHandler.WatchMany(ctx, stream)
	}
	if err := stream.Send(&conclavev1.WatchManyResponse{}); err != nil {
		return err
	}
	return f.watch(ctx, stream)
}

// upgradable lets the test have the requests that want to take their connection
// over.
func (f *fakePipe) upgradable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			f.asked.Add(1)
			if f.upgrade != nil {
				f.upgrade(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (f *fakePipe) Pipeline(ctx context.Context, stream *nodeStream) error {
	f.opened.Add(1)
	return f.serve(ctx, stream)
}

// servePipe makes a node with a pipeline reachable, over HTTP/1 alone or both.
func servePipe(t *testing.T, pipe *fakePipe, node *fakeNode, http2 bool) string {
	t.Helper()
	server := pipeServer(t, pipe, node)
	server.Config.Protocols.SetUnencryptedHTTP2(http2)
	server.Start()
	return server.URL
}

// pipeServer is a node with a pipeline that is to be started.
func pipeServer(t *testing.T, pipe *fakePipe, node *fakeNode) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle(conclavev1connect.NewPipelineServiceHandler(pipe))
	mux.Handle(conclavev1connect.NewKVServiceHandler(node))
	mux.Handle(conclavev1connect.NewLeaseServiceHandler(node))
	mux.Handle(conclavev1connect.NewNamespaceServiceHandler(node))
	server := httptest.NewUnstartedServer(pipe.upgradable(mux))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

func greet(stream *nodeStream) error { return stream.Send(&conclavev1.PipelineResponse{}) }

// putReply answers a put with its request id's sequence.
func putReply(call *conclavev1.Call) *conclavev1.Reply {
	var req conclavev1.PutRequest
	if err := proto.Unmarshal(call.GetRequest(), &req); err != nil {
		panic(err)
	}
	data, _ := proto.Marshal(&conclavev1.PutResponse{Revision: int64(req.GetRequestId().GetSequence())})
	return &conclavev1.Reply{CallId: call.GetCallId(), Response: data}
}

// echoing greets and answers every put.
func echoing(_ context.Context, stream *nodeStream) error {
	if err := greet(stream); err != nil {
		return err
	}
	for {
		request, err := stream.Receive()
		if err != nil {
			return err
		}
		for _, call := range request.GetCalls() {
			if err := stream.Send(&conclavev1.PipelineResponse{Replies: []*conclavev1.Reply{putReply(call)}}); err != nil {
				return err
			}
		}
	}
}

// queued is how many calls wait in the pipeline of quick calls.
func queued(c *Client) int {
	p := c.endpoints.pick().quick.KVServiceClient.(pipedKV).pipeline
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// Calls that are made while nothing can be sent go in one message, and their
// answers may come in any order.
func TestPipelineSharesMessages(t *testing.T) {
	const calls = 300
	ready := make(chan struct{})
	pipe := &fakePipe{serve: func(_ context.Context, stream *nodeStream) error {
		<-ready
		if err := greet(stream); err != nil {
			return err
		}
		request, err := stream.Receive()
		if err != nil {
			return err
		}
		if len(request.GetCalls()) != calls {
			t.Errorf("the first message has %d calls, want %d", len(request.GetCalls()), calls)
		}
		response := &conclavev1.PipelineResponse{}
		for _, call := range request.GetCalls() {
			response.Replies = append([]*conclavev1.Reply{putReply(call)}, response.Replies...)
		}
		response.Replies = append(response.Replies, &conclavev1.Reply{CallId: 1 << 40}) // nobody's
		if err := stream.Send(response); err != nil {
			return err
		}
		_, err = stream.Receive()
		return err
	}}
	c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
	var callers sync.WaitGroup
	revisions := make([]Revision, calls)
	for i := range calls {
		callers.Go(func() {
			var err error
			if revisions[i], err = c.Put(t.Context(), "a", "b"); err != nil {
				t.Error(err)
			}
		})
	}
	for queued(c) < calls {
		runtime.Gosched()
	}
	close(ready)
	callers.Wait()
	seen := map[Revision]bool{}
	for _, revision := range revisions {
		seen[revision] = true
	}
	if len(seen) != calls {
		t.Errorf("%d different answers to %d calls", len(seen), calls)
	}
}

// A caller that gives up is gone at once; the node hears of it, and what it
// answers all the same reaches nobody else.
func TestPipelineGivesUp(t *testing.T) {
	arrived := make(chan *conclavev1.Call, 4)
	answer := make(chan *conclavev1.Reply)
	pipe := &fakePipe{serve: func(ctx context.Context, stream *nodeStream) error {
		if err := greet(stream); err != nil {
			return err
		}
		var sending sync.WaitGroup
		defer sending.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		sending.Go(func() {
			for {
				select {
				case reply := <-answer:
					_ = stream.Send(&conclavev1.PipelineResponse{Replies: []*conclavev1.Reply{reply}})
				case <-ctx.Done():
					return
				}
			}
		})
		for {
			request, err := stream.Receive()
			if err != nil {
				return err
			}
			for _, call := range request.GetCalls() {
				arrived <- call
			}
		}
	}}
	c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	put := func(ctx context.Context) {
		_, err := c.Put(ctx, "a", "b")
		result <- err
	}
	go put(ctx)
	first := <-arrived
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("error %v", err)
	}
	if end := <-arrived; !end.GetCancel() || end.GetCallId() != first.GetCallId() {
		t.Errorf("the node was told %v", end)
	}
	go put(t.Context())
	second := <-arrived
	answer <- putReply(first)
	answer <- putReply(second)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// A call whose stream breaks is sent again with its request id.
// Promise D5
func TestPipelineBreaks(t *testing.T) {
	for name, end := range map[string]func(*nodeStream) error{
		"reset":    func(*nodeStream) error { broken(); return nil },
		"cleanly":  func(*nodeStream) error { return nil },
		"stopping": func(*nodeStream) error { return refused(conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN) },
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var ids []string
			pipe := &fakePipe{}
			pipe.serve = func(ctx context.Context, stream *nodeStream) error {
				if pipe.opened.Load() == 4 {
					return echoing(ctx, stream)
				}
				if err := greet(stream); err != nil {
					return err
				}
				request, err := stream.Receive()
				if err != nil {
					return err
				}
				var req conclavev1.PutRequest
				if err := proto.Unmarshal(request.GetCalls()[0].GetRequest(), &req); err != nil {
					return err
				}
				mu.Lock()
				ids = append(ids, req.GetRequestId().String())
				mu.Unlock()
				return end(stream)
			}
			c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
			if revision, err := c.Put(t.Context(), "a", "b"); err != nil || revision != 1 {
				t.Fatalf("revision %d, %v", revision, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(ids) != 3 || ids[0] != ids[1] || ids[0] != ids[2] {
				t.Errorf("request ids %q", ids)
			}
			if pipe.opened.Load() != 4 {
				t.Errorf("%d streams, want 4", pipe.opened.Load())
			}
		})
	}
}

// Where streams do not get through, calls go by themselves, and that is found
// out once.
func TestPipelineFallsBack(t *testing.T) {
	refusing := func(err error) *fakePipe {
		return &fakePipe{serve: func(context.Context, *nodeStream) error { return err }}
	}
	silent := &fakePipe{serve: func(ctx context.Context, _ *nodeStream) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	const patience = 20 * time.Second
	for _, c := range []struct {
		name    string
		pipe    *fakePipe
		http2   bool
		streams int64
		timeout time.Duration
	}{
		{"an older node", refusing(connect.NewError(connect.CodeUnimplemented, errors.New("no"))), true, 1, patience},
		{"a proxy's error", refusing(connect.NewError(connect.CodeUnavailable, errors.New("bad gateway"))), true, 1, patience},
		{"no greeting", silent, true, 1, time.Second}, // waits for it
		{"no HTTP/2", &fakePipe{serve: echoing}, false, 0, patience},
	} {
		t.Run(c.name, func(t *testing.T) {
			node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
				return &conclavev1.PutResponse{Revision: 7}, nil
			}}
			client := dial(t, []string{servePipe(t, c.pipe, node, c.http2)}, WithDialTimeout(c.timeout))
			for range 5 {
				if revision, err := client.Put(t.Context(), "a", "b"); err != nil || revision != 7 {
					t.Fatalf("revision %d, %v", revision, err)
				}
			}
			if n := c.pipe.opened.Load(); n != c.streams {
				t.Errorf("%d streams, want %d", n, c.streams)
			}
		})
	}
}

// Requests that would hold up others go by themselves, and so do calls that the
// node's pipeline does not know.
func TestPipelineLeavesOut(t *testing.T) {
	pipe := &fakePipe{serve: func(_ context.Context, stream *nodeStream) error {
		if err := greet(stream); err != nil {
			return err
		}
		for {
			request, err := stream.Receive()
			if err != nil {
				return err
			}
			for _, call := range request.GetCalls() {
				reply := putReply(call)
				reply.Error = &conclavev1.CallError{Code: uint32(connect.CodeUnimplemented), Message: "older"}
				if err := stream.Send(&conclavev1.PipelineResponse{Replies: []*conclavev1.Reply{reply}}); err != nil {
					return err
				}
			}
		}
	}}
	node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
		return &conclavev1.PutResponse{Revision: 7}, nil
	}}
	c := dial(t, []string{servePipe(t, pipe, node, true)})
	for _, value := range []string{strings.Repeat("v", 2*maxPipedRequest), "small"} {
		if revision, err := c.Put(t.Context(), "a", value); err != nil || revision != 7 {
			t.Errorf("revision %d, %v", revision, err)
		}
	}
}

// A node that cannot be reached, or that stops, sends calls to the next one, and
// has certainly not carried them out.
func TestPipelineMovesOn(t *testing.T) {
	unreachable := httptest.NewServer(http.NotFoundHandler())
	unreachable.Close()
	stopping := &fakePipe{serve: func(context.Context, *nodeStream) error {
		return refused(conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)
	}}
	for name, first := range map[string]string{
		"unreachable": unreachable.URL,
		"stopping":    servePipe(t, stopping, &fakeNode{}, true),
	} {
		t.Run(name, func(t *testing.T) {
			created := 0
			other := &fakeNode{create: func() error { created++; return nil }}
			c := dial(t, []string{first, other.serve(t)})
			// Not a call with a request id: it must not be sent twice.
			if _, err := c.CreateNamespace(t.Context(), "n"); err != nil || created != 1 {
				t.Errorf("created %d times, %v", created, err)
			}
		})
	}
}

// Renewals do not wait behind quick calls: they have a stream of their own.
func TestPipelineRenewalsPass(t *testing.T) {
	stuck := make(chan struct{})
	pipe := &fakePipe{serve: func(ctx context.Context, stream *nodeStream) error {
		if err := greet(stream); err != nil {
			return err
		}
		request, err := stream.Receive()
		if err != nil {
			return err
		}
		call := request.GetCalls()[0]
		if call.GetProcedure() == conclavev1.Procedure_PROCEDURE_KV_PUT {
			close(stuck)
			<-ctx.Done()
			return ctx.Err()
		}
		data, _ := proto.Marshal(&conclavev1.RenewLeaseResponse{Ttl: optional(ttlDefault)})
		if err := stream.Send(&conclavev1.PipelineResponse{Replies: []*conclavev1.Reply{{CallId: call.GetCallId(), Response: data}}}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = c.Put(ctx, "a", "b")
	}()
	<-stuck
	if ttl, err := c.renewOnce(t.Context(), 1); err != nil || ttl != ttlDefault {
		t.Errorf("%v, %v", ttl, err)
	}
	cancel()
	<-over
}

// Close ends what is open.
func TestPipelineCloses(t *testing.T) {
	arrived := make(chan struct{})
	pipe := &fakePipe{serve: func(ctx context.Context, stream *nodeStream) error {
		if err := greet(stream); err != nil {
			return err
		}
		if _, err := stream.Receive(); err != nil {
			return err
		}
		close(arrived)
		<-ctx.Done()
		return ctx.Err()
	}}
	c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
	result := make(chan error, 1)
	go func() {
		_, err := c.Put(t.Context(), "a", "b")
		result <- err
	}()
	<-arrived
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("the open call ended with %v", err)
	}
	if _, err := c.Put(t.Context(), "a", "b"); !errors.Is(err, ErrClosed) {
		t.Errorf("a later call: %v", err)
	}
}
