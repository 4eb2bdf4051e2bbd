package conclave

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Promise D5
func TestMutationIsRetriedWithItsRequestID(t *testing.T) {
	failures := map[string]func() error{
		"no answer":       func() error { broken(); return nil },
		"no quorum":       func() error { return refused(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM) },
		"stopping":        func() error { return refused(conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN) },
		"outcome unknown": func() error { return refused(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN) },
		"proxy":           func() error { return connect.NewError(connect.CodeUnavailable, errors.New("bad gateway")) },
		"overloaded": func() error {
			return refusal(connect.CodeUnavailable, &conclavev1.ErrorInfo{
				Reason:     conclavev1.ErrorReason_ERROR_REASON_OVERLOADED,
				RetryAfter: durationpb.New(time.Millisecond),
			})
		},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var ids []string
			node := &fakeNode{put: func(req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
				mu.Lock()
				defer mu.Unlock()
				ids = append(ids, req.GetRequestId().String())
				if len(ids) < 4 {
					if err := fail(); err != nil {
						return nil, err
					}
				}
				return &conclavev1.PutResponse{Revision: 9}, nil
			}}
			url := node.serve(t)
			c := dial(t, []string{url})
			revision, err := c.Put(t.Context(), "a", "b")
			if err != nil || revision != 9 {
				t.Fatalf("revision %d, error %v", revision, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				if id == "" || id != ids[0] {
					t.Errorf("request ids of the attempts: %q", ids)
				}
			}
		})
	}
}

func TestRefusalIsNotRetried(t *testing.T) {
	asked := 0
	node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
		asked++
		return nil, refusal(connect.CodeFailedPrecondition, &conclavev1.ErrorInfo{
			Reason:     conclavev1.ErrorReason_ERROR_REASON_HELD,
			Revision:   5,
			Token:      7,
			Holder:     &conclavev1.Card{Identity: "ann", Host: "h", Pid: 3},
			RetryAfter: durationpb.New(time.Second),
			Leader:     "n1",
		})
	}}
	c := dial(t, []string{node.serve(t)})
	_, err := c.Put(t.Context(), "a", "b")
	e, ok := errors.AsType[*Error](err)
	if !ok || asked != 1 {
		t.Fatalf("asked %d times, error %v", asked, err)
	}
	want := &Error{
		Op: `put "a"`, Reason: "HELD", Message: "no", Revision: 5, Token: 7,
		Holder: &Card{Identity: "ann", Host: "h", PID: 3}, RetryAfter: time.Second, Leader: "n1",
	}
	if diff := cmp.Diff(want, e, cmp.AllowUnexported(Error{})); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(err, ErrHeld) || errors.Is(err, ErrLost) {
		t.Error("it matches the wrong sentinels")
	}
	if got := err.Error(); got != `put "a": no; held by ann on h (pid 3)` {
		t.Errorf("%q", got)
	}
}

func TestFailover(t *testing.T) {
	answer := func(value string, asked *atomic.Int32) *fakeNode {
		return &fakeNode{get: func(*conclavev1.GetRequest) (*conclavev1.GetResponse, error) {
			asked.Add(1)
			return &conclavev1.GetResponse{Kv: &conclavev1.KeyValue{Key: "a", Value: textValue(value)}}, nil
		}}
	}
	var second, third atomic.Int32
	c := dial(t, []string{
		"http://127.0.0.1:1", // nobody listens
		answer("second", &second).serve(t),
		answer("third", &third).serve(t),
	})
	for range 3 {
		kv, err := c.Get(t.Context(), "a")
		if err != nil || kv.String() != "second" {
			t.Fatalf("%q, %v", kv, err)
		}
	}
	if second.Load() != 3 || third.Load() != 0 {
		t.Errorf("the second node was asked %d times, the third %d; want to stay with the one that answers", second.Load(), third.Load())
	}
}

func TestContextEndsRetries(t *testing.T) {
	// put tries for half a second, at the node or where nobody listens.
	put := func(t *testing.T, node *fakeNode, check func(error) bool) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			reachable := network{}
			if node != nil {
				reachable["a"] = node.handler()
			}
			_, err := dial(t, []string{"http://a"}, reachable.everywhere()).Put(ctx, "a", "b")
			if !errors.Is(err, context.DeadlineExceeded) || !check(err) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("nothing happened", func(t *testing.T) {
		node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
			return nil, refused(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM)
		}}
		put(t, node, func(err error) bool { return errors.Is(err, ErrNoQuorum) && !errors.Is(err, ErrOutcomeUnknown) })
	})
	t.Run("it may have happened", func(t *testing.T) {
		node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) { broken(); return nil, nil }}
		put(t, node, func(err error) bool { return errors.Is(err, ErrOutcomeUnknown) })
	})
	t.Run("nobody listens", func(t *testing.T) {
		put(t, nil, func(err error) bool { return errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrOutcomeUnknown) })
	})
	t.Run("with a cause", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errGone)
		_, err := dial(t, []string{"127.0.0.1:1"}).Put(ctx, "a", "b")
		if !errors.Is(err, errGone) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestWithoutRequestIDOnlyHarmlessFailuresAreRetried(t *testing.T) {
	var asked atomic.Int32
	node := &fakeNode{create: func() error {
		if asked.Add(1) == 1 {
			return refused(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM)
		}
		broken()
		return nil
	}}
	_, err := dial(t, []string{node.serve(t)}).CreateNamespace(t.Context(), "a")
	if !errors.Is(err, ErrOutcomeUnknown) || asked.Load() != 2 {
		t.Errorf("asked %d times, error %v", asked.Load(), err)
	}
}

func TestSlowNodeIsLeft(t *testing.T) {
	stuck := make(chan struct{})
	slow := &fakeNode{get: func(*conclavev1.GetRequest) (*conclavev1.GetResponse, error) { <-stuck; return nil, nil }}
	quick := &fakeNode{get: func(*conclavev1.GetRequest) (*conclavev1.GetResponse, error) {
		return &conclavev1.GetResponse{Kv: &conclavev1.KeyValue{Key: "a"}}, nil
	}}
	c := dial(t, []string{slow.serve(t), quick.serve(t)}, WithRequestTimeout(20*time.Millisecond))
	t.Cleanup(func() { close(stuck) })
	if _, err := c.Get(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

func TestClosedClient(t *testing.T) {
	c := dial(t, []string{"127.0.0.1:1"})
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, err := c.Put(t.Context(), "a", "b"); !errors.Is(err, ErrClosed) {
		t.Errorf("put: %v", err)
	}
	for _, err := range c.Watch(t.Context(), "a") {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("watch: %v", err)
		}
	}
}

func TestDialRefusesNonsense(t *testing.T) {
	for _, endpoints := range [][]string{nil, {""}, {"ftp://a:1"}, {"http://a:1/path"}, {"http://"}, {"http://a b"}} {
		if _, err := Dial(t.Context(), endpoints); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", endpoints, err)
		}
	}
	c := dial(t, []string{" http://a:1/ ", "a:1", "https://b"})
	if diff := cmp.Diff([]string{"http://a:1", "https://b"}, c.Endpoints()); diff != "" {
		t.Error(diff)
	}
}
