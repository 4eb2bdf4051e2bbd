package workload

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

func TestJudge(t *testing.T) {
	dialing := `connection error: desc = "transport: Error while dialing: dial tcp: connection refused"`
	for _, c := range []struct {
		err    error
		want   history.Outcome
		reason string
	}{
		{nil, history.OK, ""},
		{&conclave.Error{Reason: "HELD"}, history.Refused, "HELD"},
		{fmt.Errorf("put: %w", &conclave.Error{Reason: "NO_QUORUM"}), history.Refused, "NO_QUORUM"},
		{&conclave.Error{Reason: "OUTCOME_UNKNOWN"}, history.Unknown, "OUTCOME_UNKNOWN"},
		{&conclave.Error{Reason: "STALE_REQUEST"}, history.Unknown, "STALE_REQUEST"},
		{&conclave.Error{Reason: "INTERNAL"}, history.Unknown, "INTERNAL"},
		{rpctypes.ErrCompacted, history.Refused, "COMPACTED"},
		{rpctypes.ErrGRPCFutureRev, history.Refused, "FUTURE_REVISION"},
		{rpctypes.ErrTimeout, history.Unknown, rpctypes.ErrTimeout.Error()},
		{status.Error(codes.Unavailable, dialing), history.Refused, "UNAVAILABLE"},
		{status.Error(codes.Unavailable, "error reading from server: EOF"), history.Unknown, "Unavailable"},
		{context.DeadlineExceeded, history.Unknown, "OUTCOME_UNKNOWN"},
		{errors.New("anything else"), history.Unknown, "OUTCOME_UNKNOWN"},
	} {
		if outcome, reason := judge(c.err); outcome != c.want || reason != c.reason {
			t.Errorf("%v: %d %q, want %d %q", c.err, outcome, reason, c.want, c.reason)
		}
	}
	if !notSent(fmt.Errorf("put: %w", context.DeadlineExceeded)) || notSent(&conclave.Error{Reason: "UNAVAILABLE"}) {
		t.Error("what was not sent is not told from what was")
	}
}

func TestPlay(t *testing.T) {
	micro := []history.Micro{{Key: "a"}, {Key: "a", Append: true, Element: 3}, {Key: "a"}, {Key: "b"}, {Key: "b", Append: true, Element: 4}}
	after := play(micro, map[string]history.KV{"a": {Key: "a", Value: "1 2"}})
	if diff := cmp.Diff(map[string]string{"a": "1 2 3", "b": "4"}, after); diff != "" {
		t.Error(diff)
	}
	for i, want := range map[int][]int64{0: {1, 2}, 2: {1, 2, 3}, 3: nil} {
		if diff := cmp.Diff(want, micro[i].Read); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]int64{7, -1}, elements("7 v8")); diff != "" {
		t.Error(diff)
	}
}

// What was missed while a call hung is made up for only in part.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := newPace(100)
		for range 50 {
			p.wait(t.Context(), 0)
		}
		if took := time.Since(began); took < 480*time.Millisecond || took > 500*time.Millisecond {
			t.Errorf("50 steps at 100 a second took %v", took)
		}
		<-time.After(10 * time.Second)
		began = time.Now()
		for range 50 {
			p.wait(t.Context(), 0)
		}
		if took := time.Since(began); took < 350*time.Millisecond {
			t.Errorf("50 steps after a pause took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p.wait(ctx, 0) {
			t.Error("it goes on after the end")
		}
	})
}

func TestPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{"a/": "a0", "r": "s"} {
		if got := prefixEnd(prefix); got != want {
			t.Errorf("%q after all with prefix %q", got, prefix)
		}
	}
}
