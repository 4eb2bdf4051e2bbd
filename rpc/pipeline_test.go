package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// line is what a pipeline's messages pass over, as a client has it.
type line interface {
	Send(*conclavev1.PipelineRequest) error
	Receive() (*conclavev1.PipelineResponse, error)
	CloseRequest() error
	CloseResponse() error
}

// pipe sends calls and keeps the answers that were not asked for yet.
type pipe struct {
	t       *testing.T
	stream  line
	replies map[uint64]*conclavev1.Reply
}

// overBoth runs a test over a stream of Connect and over a connection of its own.
func overBoth(t *testing.T, test func(t *testing.T, open func(*site) *pipe)) {
	t.Run("stream", func(t *testing.T) { test(t, (*site).pipe) })
	t.Run("connection", func(t *testing.T) { test(t, (*site).upgraded) })
}

// pipe opens a stream as the SDK does: its answers are not compressed.
func (s *site) pipe() *pipe {
	s.t.Helper()
	plain := connect.WithAcceptCompression("gzip", nil, nil)
	stream, err := conclavev1connect.NewPipelineServiceClient(h2c(s.t), s.url, plain).Pipeline(within(s.t))
	if err == nil {
		err = stream.Send(nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if greeting, err := stream.Receive(); err != nil || len(greeting.GetReplies()) > 0 {
		s.t.Fatalf("the greeting is %v, %v", greeting, err)
	}
	s.t.Cleanup(func() {
		_ = stream.CloseRequest()
		_ = stream.CloseResponse()
	})
	return &pipe{t: s.t, stream: stream, replies: map[uint64]*conclavev1.Reply{}}
}

// call is a call with its request.
func call(id uint64, procedure conclavev1.Procedure, req proto.Message) *conclavev1.Call {
	data, err := proto.Marshal(req)
	if err != nil {
		panic(err)
	}
	return &conclavev1.Call{CallId: id, Procedure: procedure, Request: data}
}

func put(id uint64, key string) *conclavev1.Call {
	return call(id, conclavev1.Procedure_PROCEDURE_KV_PUT, &conclavev1.PutRequest{Key: key})
}

func acquire(id uint64, req *conclavev1.AcquireMutexRequest) *conclavev1.Call {
	return call(id, conclavev1.Procedure_PROCEDURE_MUTEX_ACQUIRE_MUTEX, req)
}

func (p *pipe) send(calls ...*conclavev1.Call) {
	p.t.Helper()
	if err := p.stream.Send(&conclavev1.PipelineRequest{Calls: calls}); err != nil {
		p.t.Fatal(err)
	}
}

// reply waits for the answer to a call.
func (p *pipe) reply(id uint64) *conclavev1.Reply {
	p.t.Helper()
	for p.replies[id] == nil {
		response, err := p.stream.Receive()
		if err != nil {
			p.t.Fatalf("waiting for the answer to %d: %v", id, err)
		}
		for _, reply := range response.GetReplies() {
			if p.replies[reply.GetCallId()] != nil {
				p.t.Errorf("a second answer to %d: %v", reply.GetCallId(), reply)
			}
			p.replies[reply.GetCallId()] = reply
		}
	}
	return p.replies[id]
}

// ok decodes the answer to a call that has to succeed.
func (p *pipe) ok(id uint64, res proto.Message) {
	p.t.Helper()
	reply := p.reply(id)
	if reply.GetError() != nil {
		p.t.Fatalf("call %d: %v", id, reply.GetError())
	}
	if err := proto.Unmarshal(reply.GetResponse(), res); err != nil {
		p.t.Fatal(err)
	}
}

// refused checks why a call failed.
func (p *pipe) refused(id uint64, code connect.Code, reason conclavev1.ErrorReason) {
	p.t.Helper()
	got := p.reply(id).GetError()
	if connect.Code(got.GetCode()) != code || got.GetInfo().GetReason() != reason {
		p.t.Errorf("call %d: %v, want %v for %v", id, got, code, reason)
	}
}

// Calls of all kinds share a message; each gets its answer or its error.
func TestPipelineMessage(t *testing.T) { overBoth(t, testPipelineMessage) }

func testPipelineMessage(t *testing.T, open func(*site) *pipe) {
	s := newSite(t)
	p := open(s)
	namespace := func(name string) proto.Message { return &conclavev1.CreateNamespaceRequest{Name: name} }
	p.send(call(1, conclavev1.Procedure_PROCEDURE_NAMESPACE_CREATE_NAMESPACE, namespace("other")))
	p.ok(1, &conclavev1.CreateNamespaceResponse{})

	p.send(
		put(2, "a"), put(3, ""),
		call(4, conclavev1.Procedure_PROCEDURE_KV_GET, &conclavev1.GetRequest{Key: "a", MinRevision: 1 << 40}),
		call(5, conclavev1.Procedure_PROCEDURE_KV_GET, &conclavev1.GetRequest{Key: "a", Serializable: true}),
		call(6, conclavev1.Procedure_PROCEDURE_KV_PUT, &conclavev1.PutRequest{Namespace: "other", Key: "a"}),
		call(7, conclavev1.Procedure_PROCEDURE_KV_PUT, &conclavev1.PutRequest{Namespace: "nowhere", Key: "a"}),
		call(8, conclavev1.Procedure_PROCEDURE_MUTEX_RELEASE_MUTEX, &conclavev1.ReleaseMutexRequest{Name: "m", Token: 5}),
		call(9, conclavev1.Procedure_PROCEDURE_CLUSTER_LIST_MEMBERS, &conclavev1.ListMembersRequest{}),
		call(10, 9999, &conclavev1.PutRequest{}),
		&conclavev1.Call{CallId: 11, Procedure: conclavev1.Procedure_PROCEDURE_KV_PUT, Request: []byte{0xff}},
		call(12, conclavev1.Procedure_PROCEDURE_KV_RANGE, &conclavev1.RangeRequest{Span: &conclavev1.Span{}}),
	)
	p.ok(2, &conclavev1.PutResponse{})
	p.refused(3, connect.CodeInvalidArgument, conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT)
	p.refused(4, connect.CodeOutOfRange, conclavev1.ErrorReason_ERROR_REASON_FUTURE_REVISION)
	p.ok(5, &conclavev1.GetResponse{})
	var other conclavev1.PutResponse
	if p.ok(6, &other); other.GetRevision() != 2 {
		t.Errorf("the other namespace is at %d", other.GetRevision())
	}
	p.refused(7, connect.CodeNotFound, conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND)
	p.refused(8, connect.CodeFailedPrecondition, conclavev1.ErrorReason_ERROR_REASON_NOT_HELD)
	var members conclavev1.ListMembersResponse
	if p.ok(9, &members); len(members.GetMembers()) != 1 {
		t.Errorf("members %v", members.GetMembers())
	}
	p.refused(10, connect.CodeUnimplemented, conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED)
	p.refused(11, connect.CodeInvalidArgument, conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT)
	p.refused(12, connect.CodeInvalidArgument, conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT)

	// What went through counts as if it had come by itself.
	counted := map[string]float64{}
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "conclave_rpc_requests_total" {
				counted[metric.GetLabel()[1].GetValue()+" "+metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	for series, want := range map[string]float64{
		conclavev1connect.KVServicePutProcedure + " ok":               2,
		conclavev1connect.KVServicePutProcedure + " invalid_argument": 2,
		conclavev1connect.KVServicePutProcedure + " not_found":        1,
		"conclave.v1.PipelineService/Unknown unimplemented":           1,
	} {
		if counted[series] != want {
			t.Errorf("%s was counted %v times, want %v", series, counted[series], want)
		}
	}

	// The caller ends its side, and gets what is still on its way. The end of a
	// connection is the end, though.
	p.send(put(20, "b"))
	if _, ok := p.stream.(*connection); ok {
		p.ok(20, &conclavev1.PutResponse{})
	}
	if err := p.stream.CloseRequest(); err != nil {
		t.Fatal(err)
	}
	p.ok(20, &conclavev1.PutResponse{})
	if _, err := p.stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
}

// Promise R4: to give up a call that waits does not give up the place, which the
// same request finds again; and quick calls pass the ones that wait.
func TestPipelineCancel(t *testing.T) { overBoth(t, testPipelineCancel) }

func testPipelineCancel(t *testing.T, open func(*site) *pipe) {
	s := newSite(t)
	leases := conclavev1connect.NewLeaseServiceClient(h2c(t), s.url)
	holder, waiter, last := grant(t, leases), grant(t, leases), grant(t, leases)
	p := open(s)
	request := func(lease int64, sequence uint64) *conclavev1.AcquireMutexRequest {
		return &conclavev1.AcquireMutexRequest{
			Name: "m", LeaseId: lease, WaitForever: true,
			RequestId: &conclavev1.RequestId{Client: "c", Sequence: sequence},
		}
	}
	p.send(acquire(1, request(holder, 1)))
	var held, second, third conclavev1.AcquireMutexResponse
	p.ok(1, &held)
	p.send(acquire(2, request(waiter, 2)), put(3, "a"))
	p.ok(3, &conclavev1.PutResponse{})
	s.until("MutexService/GetMutex", `{"name":"m"}`, func(answer map[string]any) bool {
		return answer["mutex"].(map[string]any)["waiting"] == "1"
	})
	p.send(&conclavev1.Call{CallId: 2, Cancel: true}, acquire(4, request(last, 3)))
	p.refused(2, connect.CodeCanceled, conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN)
	// Given up before it begins to wait, and unknown: nothing happens.
	p.send(&conclavev1.Call{CallId: 99, Cancel: true})

	p.send(acquire(5, request(waiter, 2)))
	p.send(call(6, conclavev1.Procedure_PROCEDURE_MUTEX_RELEASE_MUTEX, &conclavev1.ReleaseMutexRequest{Name: "m", Token: held.GetToken()}))
	p.ok(5, &second) // before the last one
	p.send(call(7, conclavev1.Procedure_PROCEDURE_MUTEX_RELEASE_MUTEX, &conclavev1.ReleaseMutexRequest{Name: "m", Token: second.GetToken()}))
	p.ok(4, &third)
	if held.GetToken() >= second.GetToken() || second.GetToken() >= third.GetToken() {
		t.Errorf("tokens %d, %d, %d", held.GetToken(), second.GetToken(), third.GetToken())
	}

	// A call may bound its wait, too.
	bounded := acquire(8, request(holder, 4))
	bounded.TimeoutMs = 20
	p.send(bounded)
	p.refused(8, connect.CodeDeadlineExceeded, conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN)
}

// When the node drains, what is on its way is answered, waits are sent away, and
// the stream says why it ends.
func TestPipelineDrain(t *testing.T) { overBoth(t, testPipelineDrain) }

func testPipelineDrain(t *testing.T, open func(*site) *pipe) {
	s := newSite(t)
	leases := conclavev1connect.NewLeaseServiceClient(h2c(t), s.url)
	p := open(s)
	p.send(acquire(1, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: grant(t, leases)}))
	p.ok(1, &conclavev1.AcquireMutexResponse{})
	p.send(acquire(2, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: grant(t, leases), WaitForever: true}))
	s.until("MutexService/GetMutex", `{"name":"m"}`, func(answer map[string]any) bool {
		return answer["mutex"].(map[string]any)["waiting"] == "1"
	})
	for id := range uint64(100) {
		p.send(put(100+id, "a"))
	}
	s.server.Drain()
	p.refused(2, connect.CodeUnavailable, conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)
	for {
		response, err := p.stream.Receive()
		if err != nil {
			if infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
				t.Errorf("the stream ended with %v", err)
			}
			break
		}
		for _, reply := range response.GetReplies() {
			if e := reply.GetError(); e != nil && e.GetInfo().GetReason() != conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
				t.Errorf("call %d: %v", reply.GetCallId(), e)
			}
		}
	}
}

// Many streams with many calls each, and waits among them, do not get into each
// other's way.
func TestPipelineStreams(t *testing.T) { overBoth(t, testPipelineStreams) }

func testPipelineStreams(t *testing.T, open func(*site) *pipe) {
	s := newSite(t)
	leases := conclavev1connect.NewLeaseServiceClient(h2c(t), s.url)
	holder := grant(t, leases)
	first := open(s)
	first.send(acquire(1, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: holder}))
	first.ok(1, &conclavev1.AcquireMutexResponse{})

	const streams, messages, calls = 8, 20, 50
	var work sync.WaitGroup
	for n := range streams {
		p := open(s)
		lease := grant(t, leases)
		work.Go(func() {
			p.send(acquire(1, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: lease, WaitForever: true}))
			for m := range uint64(messages) {
				batch := make([]*conclavev1.Call, calls)
				for i := range batch {
					batch[i] = put(2+m*calls+uint64(i), fmt.Sprintf("%d/%d/%d", n, m, i))
				}
				p.send(batch...)
			}
			for id := range uint64(messages * calls) {
				p.ok(2+id, &conclavev1.PutResponse{})
			}
		})
	}
	work.Wait()
	counted := s.ok("KVService/Range", `{"span":{"prefix":true},"count_only":true}`)
	if counted["count"] != fmt.Sprint(streams*messages*calls) {
		t.Errorf("%v keys", counted["count"])
	}
}

// A caller that does not read its answers holds up nobody but itself.
func TestPipelineSlowReader(t *testing.T) {
	s := newSite(t)
	large := &conclavev1.PutRequest{Key: "large", Value: &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: make([]byte, 1<<20)}}}
	if _, err := conclavev1connect.NewKVServiceClient(h2c(t), s.url).Put(within(t), large); err != nil {
		t.Fatal(err)
	}
	slow, quick := s.pipe(), s.pipe()
	const reads = 80 // MiB
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for id := range uint64(reads) {
			if slow.stream.Send(&conclavev1.PipelineRequest{Calls: []*conclavev1.Call{
				call(id, conclavev1.Procedure_PROCEDURE_KV_GET, &conclavev1.GetRequest{Key: "large"}),
			}}) != nil {
				return
			}
		}
	}()
	for id := range uint64(50) {
		quick.send(put(id, "a"))
		quick.ok(id, &conclavev1.PutResponse{})
	}
	<-sent
	for id := range uint64(reads) {
		var res conclavev1.GetResponse
		slow.ok(id, &res)
		delete(slow.replies, id)
	}
}

// A stream whose client is gone leaves nothing behind, and places in line stay.
func TestPipelineGone(t *testing.T) {
	t.Run("stream", func(t *testing.T) {
		testPipelineGone(t, func(s *site) (line, func()) {
			ctx, leave := context.WithCancel(within(t))
			stream, err := conclavev1connect.NewPipelineServiceClient(h2c(t), s.url).Pipeline(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return stream, func() {
				leave()
				_ = stream.CloseRequest()
			}
		})
	})
	t.Run("connection", func(t *testing.T) {
		testPipelineGone(t, func(s *site) (line, func()) {
			stream := s.upgraded().stream
			return stream, func() { _ = stream.CloseResponse() }
		})
	})
}

func testPipelineGone(t *testing.T, open func(s *site) (stream line, leave func())) {
	s := newSite(t)
	leases := conclavev1connect.NewLeaseServiceClient(h2c(t), s.url)
	holder, waiter := grant(t, leases), grant(t, leases)
	stream, leave := open(s)
	if err := stream.Send(&conclavev1.PipelineRequest{Calls: []*conclavev1.Call{
		acquire(1, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: holder}),
	}}); err != nil {
		t.Fatal(err)
	}
	waiting := func(n string) {
		s.until("MutexService/GetMutex", `{"name":"m"}`, func(answer map[string]any) bool {
			mutex, held := answer["mutex"].(map[string]any)
			return held && (n == "" || mutex["waiting"] == n)
		})
	}
	waiting("")
	if err := stream.Send(&conclavev1.PipelineRequest{Calls: []*conclavev1.Call{
		acquire(2, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: waiter, Wait: durationpb.New(time.Minute)}),
	}}); err != nil {
		t.Fatal(err)
	}
	waiting("1")
	leave()
	for s.gauge("conclave_rpc_open_streams") > 0 {
		if t.Context().Err() != nil {
			t.Fatal("the stream is still there")
		}
	}
	waiting("1")
}

// gauge is the sum of a metric.
func (s *site) gauge(name string) (sum float64) {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name {
				sum += metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}
