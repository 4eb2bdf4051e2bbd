package conclave

import (
	"errors"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func changed(key string, revision int64) *conclavev1.KVEvent {
	return &conclavev1.KVEvent{
		Type: conclavev1.KVEvent_TYPE_PUT,
		Kv:   &conclavev1.KeyValue{Key: key, ModRevision: revision},
	}
}

// Each stream breaks somewhere. What is told in between has no gap, and nothing
// twice, also where a break falls into a transaction of two messages.
//
// Promise D4
func TestWatchResumes(t *testing.T) {
	type message = conclavev1.WatchResponse
	type step struct {
		from     int64 // what the stream has to ask for
		messages []*message
		end      error
	}
	steps := []step{
		{0, []*message{{Revision: 10}}, refused(conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)},
		{11, []*message{
			{Revision: 10},
			{Revision: 12, Events: []*conclavev1.KVEvent{changed("a", 11), changed("b", 12)}},
			// The first part of revision 13.
			{Revision: 12, Events: []*conclavev1.KVEvent{changed("c", 13), changed("d", 13)}},
		}, connect.NewError(connect.CodeUnavailable, errors.New("gone"))},
		{13, []*message{
			{Revision: 12},
			{Revision: 12, Events: []*conclavev1.KVEvent{changed("c", 13), changed("d", 13)}},
			{Revision: 13, Events: []*conclavev1.KVEvent{changed("e", 13)}},
		}, refusal(connect.CodeAborted, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_RESYNC, Revision: 20})},
		{14, []*message{{Revision: 14, Events: []*conclavev1.KVEvent{changed("f", 14)}}}, nil},
		{15, nil, refusal(connect.CodeOutOfRange, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_COMPACTED, Revision: 30})},
	}
	var opened atomic.Int32
	node := &fakeNode{watch: func(req *conclavev1.WatchRequest, stream *connect.ServerStream[message]) error {
		now := steps[opened.Add(1)-1]
		if req.GetStartRevision() != now.from {
			t.Errorf("stream %d starts at %d, want %d", opened.Load(), req.GetStartRevision(), now.from)
		}
		for _, m := range now.messages {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		return now.end
	}}
	c := dial(t, []string{node.serve(t)})

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

func TestTextPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{
		"":                 "",
		"a":                "b",
		"cfg/":             "cfg0",
		"\x7f":             "\u0080",
		"é":                "ê",
		"\uD7FF":           "\uE000",
		"\U0010FFFF":       "",
		"a\U0010FFFF":      "b",
		"a/\U0010FFFF\x7f": "a/\U0010FFFF\u0080",
	} {
		if got := textPrefixEnd(prefix); got != want {
			t.Errorf("the end of %q is %q, want %q", prefix, got, want)
		}
	}
}
