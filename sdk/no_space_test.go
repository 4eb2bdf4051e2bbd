package conclave

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func noSpace() error {
	return refusal(connect.CodeResourceExhausted, &conclavev1.ErrorInfo{
		Reason: conclavev1.ErrorReason_ERROR_REASON_NO_SPACE, RetryAfter: durationpb.New(time.Millisecond),
	})
}

// Calls do not wait for room, which may take an operator.
func TestNoSpaceIsToldAtOnce(t *testing.T) {
	var asked atomic.Int32
	node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
		asked.Add(1)
		return nil, noSpace()
	}}
	_, err := dial(t, []string{node.serve(t)}).Put(t.Context(), "a", "b")
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, ErrNoSpace) || e.RetryAfter != time.Millisecond || asked.Load() != 1 {
		t.Errorf("asked %d times, got %v", asked.Load(), err)
	}
}

// That nothing happened this time says nothing of an attempt before: it is asked
// until that is known.
// Promise D5
func TestNoSpaceAfterAnUnknownOutcome(t *testing.T) {
	var asked atomic.Int32
	node := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
		switch asked.Add(1) {
		case 1:
			return nil, refused(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN)
		case 2, 3:
			return nil, noSpace()
		}
		return &conclavev1.PutResponse{Revision: 9}, nil
	}}
	revision, err := dial(t, []string{node.serve(t)}).Put(t.Context(), "a", "b")
	if err != nil || revision != 9 || asked.Load() != 4 {
		t.Errorf("asked %d times, got %d, %v", asked.Load(), revision, err)
	}
}
