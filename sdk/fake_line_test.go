package conclave

import (
	"context"
	"slices"
	"sync"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// line is a mutex of a fake service that somebody else holds: a place in its
// line survives its call.
type line struct {
	mu       sync.Mutex
	arrived  chan struct{} // closed by the first request
	granted  chan struct{} // closed when the waiter gets the mutex
	canceled chan struct{}
	ids      []string
	calls    int
	released []int64
}

func newLine() *line {
	return &line{arrived: make(chan struct{}), granted: make(chan struct{}), canceled: make(chan struct{})}
}

func (l *line) acquire(ctx context.Context, req *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error) {
	l.mu.Lock()
	if l.calls++; l.calls == 1 {
		close(l.arrived)
	}
	l.ids = append(l.ids, req.GetRequestId().GetClient())
	l.mu.Unlock()
	select {
	case <-l.granted:
		return &conclavev1.AcquireMutexResponse{Token: 7, Count: 1}, nil
	default:
	}
	select {
	case <-l.canceled:
		return nil, refusal(connect.CodeAborted, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_WAIT_CANCELED})
	case <-l.granted:
		return &conclavev1.AcquireMutexResponse{Token: 7, Count: 1}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// askers are the clients of the requests so far.
func (l *line) askers() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ids)
}

func (l *line) release(req *conclavev1.ReleaseMutexRequest) (*conclavev1.ReleaseMutexResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = append(l.released, req.GetToken())
	return &conclavev1.ReleaseMutexResponse{}, nil
}
