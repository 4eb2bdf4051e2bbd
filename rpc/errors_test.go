package rpc

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Every reason of the log has a reason of the API, and that a code and words.
func TestReasonsAreComplete(t *testing.T) {
	for number, name := range logv1.Reason_name {
		rule, ok := refusals[logv1.Reason(number)]
		if !ok || rule.sentence == "" {
			t.Errorf("%s is not in refusals, or without a sentence", name)
		}
	}
	for number, name := range conclavev1.ErrorReason_name {
		if _, ok := codes[conclavev1.ErrorReason(number)]; !ok && number != 0 {
			t.Errorf("%s is not in codes", name)
		}
	}
}

// detailOf is the detail of an error, as a client reads it.
func detailOf(t *testing.T, err *connect.Error) *conclavev1.ErrorInfo {
	t.Helper()
	if len(err.Details()) != 1 {
		t.Fatalf("%v has %d details, want one", err, len(err.Details()))
	}
	message, failed := err.Details()[0].Value()
	if failed != nil {
		t.Fatal(failed)
	}
	return message.(*conclavev1.ErrorInfo)
}

func TestRefusalsCarryWhatToActOn(t *testing.T) {
	err := connectError(&cluster.RefusedError{Refusal: &logv1.Refusal{
		Reason:       logv1.Reason_REASON_HELD,
		Detail:       "somebody else holds the mutex",
		Token:        12,
		Holder:       &logv1.Card{Identity: "worker-7", SinceMs: 1000},
		RetryAfterMs: 2500,
	}})
	if err.Code() != connect.CodeAborted || err.Message() != "somebody else holds the mutex; give a wait to stand in line, or try again later" {
		t.Errorf("%v %q", err.Code(), err.Message())
	}
	want := &conclavev1.ErrorInfo{
		Reason:     conclavev1.ErrorReason_ERROR_REASON_HELD,
		Token:      12,
		Holder:     &conclavev1.Card{Identity: "worker-7", Since: timestamp(1000)},
		RetryAfter: durationpb.New(2500e6),
	}
	if diff := cmp.Diff(want, detailOf(t, err), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err    error
		code   connect.Code
		reason string
	}{
		{cluster.ErrNoLeader, connect.CodeUnavailable, "NO_QUORUM"},
		{cluster.ErrUnavailable, connect.CodeUnavailable, "NO_QUORUM"},
		{cluster.ErrStopped, connect.CodeUnavailable, "SHUTTING_DOWN"},
		{cluster.ErrOverloaded, connect.CodeResourceExhausted, "OVERLOADED"},
		{cluster.ErrTooLarge, connect.CodeInvalidArgument, "TOO_LARGE"},
		{fmt.Errorf("shard 2: %w", cluster.ErrOutcomeUnknown), connect.CodeUnknown, "OUTCOME_UNKNOWN"},
		{errDraining, connect.CodeUnavailable, "SHUTTING_DOWN"},
		{feed.ErrClosed, connect.CodeUnavailable, "SHUTTING_DOWN"},
		{feed.ErrNamespaceDropped, connect.CodeNotFound, "NAMESPACE_NOT_FOUND"},
		{&feed.CompactedError{Revision: 5}, connect.CodeOutOfRange, "COMPACTED"},
		{context.DeadlineExceeded, connect.CodeDeadlineExceeded, "UNSPECIFIED"},
		{context.Canceled, connect.CodeCanceled, "UNSPECIFIED"},
		{&cluster.RefusedError{Refusal: &logv1.Refusal{Reason: 99}}, connect.CodeInternal, "INTERNAL"},
		{errBroken, connect.CodeInternal, "INTERNAL"},
	} {
		got := connectError(test.err)
		if reason := reasonOf(test.err); got.Code() != test.code || reason != test.reason {
			t.Errorf("%v: %v for %s, want %v for %s", test.err, got.Code(), reason, test.code, test.reason)
		}
		if detail := detailOf(t, got); test.reason == "COMPACTED" && detail.GetRevision() != 5 {
			t.Errorf("compacted at %d, want 5", detail.GetRevision())
		}
	}
}

// What the server's own parts say stays inside.
func TestInternalErrorsDoNotLeak(t *testing.T) {
	for _, err := range []error{
		errBroken,
		&cluster.RefusedError{Refusal: &logv1.Refusal{Reason: 99, Detail: errBroken.Error()}},
		recovered("index out of range in /src/rpc/kv.go", nil),
	} {
		out := connectError(err)
		if strings.Contains(out.Error(), "/") || strings.Contains(fmt.Sprint(out.Details()), "/var") {
			t.Errorf("%q tells the client too much", out)
		}
	}
}

// Who gave up decides the code, what became of the command the reason.
func TestUndecided(t *testing.T) {
	late, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	gone, leave := context.WithCancel(context.Background())
	leave()
	for _, test := range []struct {
		ctx    context.Context
		err    error
		code   connect.Code
		reason string
	}{
		{late, cluster.ErrOutcomeUnknown, connect.CodeDeadlineExceeded, "OUTCOME_UNKNOWN"},
		{gone, cluster.ErrOutcomeUnknown, connect.CodeCanceled, "OUTCOME_UNKNOWN"},
		{context.Background(), cluster.ErrOutcomeUnknown, connect.CodeUnknown, "OUTCOME_UNKNOWN"},
		{late, context.DeadlineExceeded, connect.CodeDeadlineExceeded, "OUTCOME_UNKNOWN"},
		{late, cluster.ErrNoLeader, connect.CodeUnavailable, "NO_QUORUM"},
		{late, cluster.ErrUnavailable, connect.CodeUnavailable, "NO_QUORUM"},
	} {
		err := undecided(test.ctx, test.err)
		if got := connectError(err); got.Code() != test.code || reasonOf(err) != test.reason {
			t.Errorf("%v: %v for %s, want %v for %s", test.err, got.Code(), reasonOf(err), test.code, test.reason)
		}
	}
}
