package conclave

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func changed(key string, revision int64) *conclavev1.KVEvent {
	return &conclavev1.KVEvent{
		Type: conclavev1.KVEvent_TYPE_PUT,
		Kv:   &conclavev1.KeyValue{Key: key, ModRevision: revision},
	}
}

// watchStep is what one attempt of a watch is told.
type watchStep struct {
	from     int64 // what it has to ask for
	messages []*conclavev1.WatchResponse
	end      error
}

// brokenWatch ends in every way that there is, once in the middle of a
// transaction.
var brokenWatch = []watchStep{
	{0, []*conclavev1.WatchResponse{{Revision: 10}}, refused(conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)},
	{11, []*conclavev1.WatchResponse{
		{Revision: 10},
		{Revision: 12, Events: []*conclavev1.KVEvent{changed("a", 11), changed("b", 12)}},
		// The first part of revision 13.
		{Revision: 12, Events: []*conclavev1.KVEvent{changed("c", 13), changed("d", 13)}},
	}, connect.NewError(connect.CodeUnavailable, errors.New("gone"))},
	{13, []*conclavev1.WatchResponse{
		{Revision: 12},
		{Revision: 12, Events: []*conclavev1.KVEvent{changed("c", 13), changed("d", 13)}},
		{Revision: 13, Events: []*conclavev1.KVEvent{changed("e", 13)}},
	}, refusal(connect.CodeAborted, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_RESYNC, Revision: 20})},
	{14, []*conclavev1.WatchResponse{{Revision: 14, Events: []*conclavev1.KVEvent{changed("f", 14)}}}, nil},
	{15, nil, refusal(connect.CodeOutOfRange, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_COMPACTED, Revision: 30})},
}

// playWatch does the next step.
func playWatch(t *testing.T, opened *atomic.Int32, req *conclavev1.WatchRequest, tell func(*conclavev1.WatchResponse) error) error {
	now := brokenWatch[opened.Add(1)-1]
	if req.GetStartRevision() != now.from {
		t.Errorf("attempt %d starts at %d, want %d", opened.Load(), req.GetStartRevision(), now.from)
	}
	for _, m := range now.messages {
		if err := tell(m); err != nil {
			return err
		}
	}
	return now.end
}

// checkResumed holds that what is told has no gap, and nothing twice.
func checkResumed(t *testing.T, c *Client) {
	t.Helper()
	var told []string
	var failed error
	for event, err := range c.Watch(t.Context(), "", WithPrefix()) {
		if failed = err; err == nil {
			told = append(told, event.KV.Key)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "f"}, told); diff != "" {
		t.Error(diff)
	}
	e, ok := errors.AsType[*Error](failed)
	if !ok || !errors.Is(failed, ErrCompacted) || e.Revision != 30 {
		t.Errorf("it ended with %v", failed)
	}
}

// A watch that has a stream of its own, because the node knows no other.
//
// Promise D4
func TestWatchResumes(t *testing.T) {
	var opened atomic.Int32
	node := &fakeNode{watch: func(req *conclavev1.WatchRequest, stream *connect.ServerStream[conclavev1.WatchResponse]) error {
		return playWatch(t, &opened, req, stream.Send)
	}}
	checkResumed(t, dial(t, []string{node.serve(t)}))
}

// A watch that shares a stream, which breaks, or on which the watch alone ends.
//
// Promise D4
func TestSharedWatchResumes(t *testing.T) {
	for _, alone := range []bool{false, true} {
		var opened atomic.Int32
		pipe := &fakePipe{watch: func(_ context.Context, stream *watchesStream) error {
			for {
				request, err := stream.Receive()
				if err != nil {
					return err
				}
				for _, call := range request.GetCalls() {
					if call.GetWatch() == nil {
						continue
					}
					end := playWatch(t, &opened, call.GetWatch(), func(m *conclavev1.WatchResponse) error {
						return stream.Send(watchTold(call.GetWatchId(), m, nil))
					})
					if e := fromWire(end); !alone || end == nil || e.cause != nil {
						return end
					} else if err := stream.Send(watchTold(call.GetWatchId(), nil, end)); err != nil {
						return err
					}
				}
			}
		}}
		checkResumed(t, dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)}))
	}
}

// watchTold is a message to one watch.
func watchTold(id uint64, m *conclavev1.WatchResponse, end error) *conclavev1.WatchManyResponse {
	news := &conclavev1.WatchNews{WatchIds: []uint64{77, id}} // nobody has the first
	if end != nil {
		failure, _ := errors.AsType[*connect.Error](end)
		info, _ := failure.Details()[0].Value()
		news.Error = &conclavev1.CallError{Code: uint32(failure.Code()), Message: "no", Info: info.(*conclavev1.ErrorInfo)}
	} else {
		news.Response, _ = proto.Marshal(m)
	}
	return &conclavev1.WatchManyResponse{News: []*conclavev1.WatchNews{news}}
}
