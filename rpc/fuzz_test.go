package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/internal/wire"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// planned makes the first half of a call, and checks that what would be proposed
// is a command that every replica can read.
func planned(t *testing.T, p *procedure, request []byte) {
	switch {
	case p.change != nil:
		change, err := p.change(request)
		if err != nil {
			mustExplain(t, err)
			return
		}
		command := change.proposal()
		command.RequestId = requestID(change.request().GetRequestId())
		e, err := entry.Decode(entry.Append(nil, &logv1.Header{}, command))
		if err != nil || len(e.Commands) != 1 || !proto.Equal(e.Commands[0], command) {
			t.Fatalf("%s: %v is not what is logged: %v", p.name, command, err)
		}
		if command.GetBody() == nil {
			t.Fatalf("%s: the command has no body", p.name)
		}
		if grown := proto.Size(command); grown > 64*len(request)+1024 {
			t.Fatalf("%s: %d bytes became a command of %d", p.name, len(request), grown)
		}
	case p.question != nil:
		question, err := p.question(request)
		if err != nil {
			mustExplain(t, err)
			return
		}
		if question.asked().GetBody() == nil {
			t.Fatalf("%s: the query has no body", p.name)
		}
	}
}

// mustExplain checks that an error says what the caller did wrong.
func mustExplain(t *testing.T, err error) {
	if f := explain(err); f.message == "" || f.info.GetReason() == conclavev1.ErrorReason_ERROR_REASON_INTERNAL || codes[f.info.GetReason()] == 0 && f.code == 0 {
		t.Fatalf("a bad request is explained as %+v: %v", f, err)
	}
}

// requestTypes are the requests of all services.
func requestTypes() (all []protoreflect.MessageType) {
	protoregistry.GlobalFiles.RangeFilesByPackage("conclave.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if m, err := protoregistry.GlobalTypes.FindMessageByName(methods.Get(j).Input().FullName()); err == nil {
					all = append(all, m)
				}
			}
		}
		return true
	})
	return all
}

func requestSeeds() [][]byte {
	var out [][]byte
	for _, m := range []proto.Message{
		&conclavev1.PutRequest{Key: "a", Value: &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: "b"}}, LeaseId: 3,
			RequestId: &conclavev1.RequestId{Client: "c", Sequence: 1}},
		&conclavev1.RangeRequest{Span: &conclavev1.Span{Key: "a", Extent: &conclavev1.Span_Prefix{Prefix: true}}, Limit: 5},
		&conclavev1.AcquireMutexRequest{Name: "m", LeaseId: 7, WaitForever: true},
		&conclavev1.TxnRequest{Success: []*conclavev1.TxnOp{{Op: &conclavev1.TxnOp_Txn{Txn: &conclavev1.TxnRequest{}}}}},
		&conclavev1.EnqueueRequest{Queue: "q", Priority: 1000},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			panic(err)
		}
		out = append(out, data)
	}
	return append(out, bytes.Repeat([]byte{0x0b}, 40), []byte{0x0a, 0xff, 0xff, 0xff, 0x7f})
}

// A request as bytes is refused with a reason, or becomes a command that can be
// logged.
func FuzzRequest(f *testing.F) {
	_, c, drain := newFake()
	f.Cleanup(drain)
	table := newProcedures(c, clusterHandler{core: c})
	for _, data := range requestSeeds() {
		for number := range table {
			f.Add(int32(number), data)
		}
	}
	f.Fuzz(func(t *testing.T, number int32, data []byte) {
		planned(t, table.find(conclavev1.Procedure(number)), bytes.Clone(data))
	})
}

// A request as JSON is refused, or is a message that is the same written again.
func FuzzRequestJSON(f *testing.F) {
	types := requestTypes()
	for i, text := range []string{
		`{"key":"a","value":{"text":"b"}}`, `{"key":"a","value":{"json":[1,{"a":null}]},"lease_id":"9"}`, `{"ttl":"10s"}`,
		`{"wait":"-1.5s"}`, `{"key":"a","key":"b"}`, `{"key":NaN}`, `{"span":{"prefix":true,"end":"b"}}`, `{`, `[]`, `{"key":"\ud800"}`,
	} {
		f.Add(uint8(i), text)
	}
	for i := range types {
		f.Add(uint8(i), `{}`)
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		m := types[int(kind)%len(types)]
		msg := m.New().Interface()
		if err := (jsonCodec{name: "json"}).Unmarshal([]byte(text), msg); err != nil {
			return
		}
		written, err := (jsonCodec{name: "json"}).Marshal(msg)
		if err != nil {
			return // a time or a number that has no text
		}
		again := m.New().Interface()
		if err := protojson.Unmarshal(written, again); err != nil || !proto.Equal(msg, again) {
			t.Fatalf("%s reads as %v, which is written as %s: %v", text, msg, written, err)
		}
	})
}

// frames are the messages of a pipeline, as one side sends them.
type frames struct {
	in   []*conclavev1.PipelineRequest
	sent int
}

func (s *frames) Receive() (*conclavev1.PipelineRequest, error) {
	if len(s.in) == 0 {
		return nil, io.EOF
	}
	next := s.in[0]
	s.in = s.in[1:]
	return next, nil
}

func (s *frames) Send(r *conclavev1.PipelineResponse) error {
	s.sent += len(r.GetReplies())
	return nil
}

// Every call of a pipeline is answered, whatever it is, and the stream ends when
// its caller does.
func FuzzPipeline(f *testing.F) {
	for i, data := range requestSeeds() {
		out, err := wire.Codec{}.Marshal(&conclavev1.PipelineRequest{Calls: []*conclavev1.Call{
			{CallId: 1, Procedure: conclavev1.Procedure(i), Request: data}, {CallId: 1, Cancel: true}, {CallId: 2, Procedure: -1, TimeoutMs: 1},
		}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		request := &conclavev1.PipelineRequest{}
		if err := (wire.Codec{}).Unmarshal(data, request); err != nil || len(request.GetCalls()) > 64 {
			return
		}
		fake, c, drain := newFake()
		defer drain()
		fake.propose = func(context.Context, *logv1.Command) (*logv1.Result, error) { return nil, cluster.ErrOverloaded }
		fake.query = func(context.Context, cluster.ReadOptions, *logv1.Query) (*logv1.Answer, error) {
			return nil, errors.New("no answer")
		}
		nodes := clusterHandler{core: c}
		around := &edge{core: c, metrics: newMetrics(nil)}
		h := pipelineHandler{core: c, edge: around, procedures: pure(newProcedures(c, nodes))}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := h.converse(ctx, &frames{in: []*conclavev1.PipelineRequest{request}}); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("the stream ends with %v", err)
		}
	})
}

// pure are the procedures that only change or ask: the others want a whole cluster.
func pure(all procedures) procedures {
	var some procedures
	for _, p := range all {
		if p != nil && p.call != nil {
			p = nil
		}
		some = append(some, p)
	}
	return some
}
