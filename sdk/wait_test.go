package conclave

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func session(t *testing.T, c *Client) *Session {
	t.Helper()
	s, err := c.NewSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// Promise R4
func TestWaitMovesToAnotherNodeWithItsPlace(t *testing.T) {
	l := newLine()
	dying := make(chan struct{})
	first := &fakeNode{acquire: func(ctx context.Context, req *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error) {
		l.mu.Lock()
		l.ids = append(l.ids, req.GetRequestId().GetClient())
		l.mu.Unlock()
		close(dying)
		broken()
		return nil, nil
	}}
	second := &fakeNode{acquire: l.acquire, release: l.release}
	c := dial(t, []string{first.serve(t), second.serve(t)})
	s := session(t, c)
	c.endpoints.current.Store(0)

	go func() {
		<-dying
		<-l.arrived
		close(l.granted)
	}()
	hold, err := s.Mutex("a").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ids := l.askers(); hold.Token() != 7 || len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("token %d, ids %q", hold.Token(), ids)
	}
}

// A node that is cut off from the others does not end its calls: they have to
// leave it when it fails others.
//
// Promise R4
func TestWaitLeavesANodeThatFailsOthers(t *testing.T) {
	stuck, l := newLine(), newLine()
	first := &fakeNode{
		acquire: stuck.acquire,
		put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
			return nil, refused(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM)
		},
	}
	second := &fakeNode{
		acquire: l.acquire,
		release: l.release,
		put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
			return &conclavev1.PutResponse{}, nil
		},
	}
	close(l.granted)
	c := dial(t, []string{first.serve(t), second.serve(t)})
	s := session(t, c)
	var put sync.WaitGroup
	defer put.Wait()
	put.Go(func() {
		<-stuck.arrived
		if _, err := c.Put(t.Context(), "a", "b"); err != nil {
			t.Error(err)
		}
	})
	hold, err := s.Mutex("a").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before, after := stuck.askers(), l.askers(); hold.Token() != 7 || before[0] != after[0] {
		t.Errorf("token %d, ids %q and %q", hold.Token(), before, after)
	}
}

func TestEndedContextGivesThePlaceUp(t *testing.T) {
	l := newLine()
	cancels := 0
	node := &fakeNode{acquire: l.acquire, release: l.release}
	node.cancel = func(req *conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
		if cancels++; cancels == 1 {
			// The request that is to be given up has not been committed yet.
			return nil, refusal(connect.CodeNotFound, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_TICKET_NOT_FOUND})
		}
		if req.GetName() != "a" || req.GetLeaseId() != 1 {
			t.Errorf("%v", req)
		}
		close(l.canceled)
		return &conclavev1.CancelAcquireResponse{}, nil
	}
	s := session(t, dial(t, []string{node.serve(t)}))

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-l.arrived
		cancel()
	}()
	_, err := s.Mutex("a").Lock(ctx)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("%v", err)
	}
	if cancels != 2 || len(l.released) != 0 {
		t.Errorf("%d cancels, released %v", cancels, l.released)
	}
}

func TestGrantThatComesTooLateIsGivenBack(t *testing.T) {
	l := newLine()
	node := &fakeNode{acquire: l.acquire, release: l.release}
	node.cancel = func(*conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
		select {
		case <-l.granted:
		default:
			close(l.granted)
		}
		return nil, refusal(connect.CodeNotFound, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_TICKET_NOT_FOUND})
	}
	s := session(t, dial(t, []string{node.serve(t)}))

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-l.arrived
		cancel()
	}()
	if _, err := s.Mutex("a").Lock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.released) != 1 || l.released[0] != 7 {
		t.Errorf("released %v, want the late grant 7", l.released)
	}
}

// What happens when the service does not answer to a cancel either: Lock ends,
// and the next one for the same name waits until the place is given up.
func TestAbandonedPlaceIsGivenUpInTheBackground(t *testing.T) {
	l := newLine()
	answer := make(chan struct{})
	node := &fakeNode{acquire: l.acquire, release: l.release}
	node.cancel = func(*conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
		<-answer
		select {
		case <-l.canceled:
		default:
			close(l.canceled)
		}
		return &conclavev1.CancelAcquireResponse{}, nil
	}
	s := session(t, dial(t, []string{node.serve(t)}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-l.arrived
		cancel()
	}()
	if _, err := s.Mutex("a").Lock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}

	calls := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.calls
	}
	before := calls()
	short, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := s.Mutex("a").Lock(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if calls() != before {
		t.Error("a new place was taken while the old one is being given up")
	}
	close(answer)
	if err := s.settled(t.Context(), settleKey{conclavev1.Lost_KIND_MUTEX, "a"}); err != nil {
		t.Error(err)
	}
}

func TestSessionEndsItsWaits(t *testing.T) {
	l := newLine()
	gone := make(chan struct{})
	node := &fakeNode{acquire: l.acquire}
	node.renewed = func() error {
		<-gone
		return refusal(connect.CodeNotFound, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_LEASE_NOT_FOUND})
	}
	s := session(t, dial(t, []string{node.serve(t)}))
	go func() {
		<-l.arrived
		close(gone)
		s.keeper.check()
	}()
	_, err := s.Mutex("a").Lock(t.Context())
	if !errors.Is(err, ErrSessionLost) || errors.Is(err, ErrSessionExpired) {
		t.Errorf("%v", err)
	}
	if cause := context.Cause(s.Context()); !errors.Is(cause, ErrLeaseNotFound) || !errors.Is(cause, ErrLost) {
		t.Errorf("the session ended because of %v", cause)
	}
}
