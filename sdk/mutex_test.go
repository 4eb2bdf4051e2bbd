package conclave_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

func TestMutexServesTheLineInOrder(t *testing.T) {
	const waiters = 20
	c := alone(t)
	s := open(t, c)
	hold, err := s.Mutex("line").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var order []int
	var tokens []conclave.Token
	for i := range waiters {
		waiter := open(t, c)
		group.Go(func() {
			err := waiter.Mutex("line").Do(t.Context(), func(_ context.Context, h *conclave.Hold) error {
				mu.Lock()
				defer mu.Unlock()
				order, tokens = append(order, i), append(tokens, h.Token())
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		waitFor(t, func() bool {
			info, err := c.GetMutex(t.Context(), "line")
			return err == nil && info.Waiting == int64(i+1)
		})
	}
	if err := hold.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	last := hold.Token()
	for i := range order {
		if order[i] != i || tokens[i] <= last {
			t.Fatalf("order %v with tokens %v after %d", order, tokens, hold.Token())
		}
		last = tokens[i]
	}
}

// Promise R6
func TestBrokenHold(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	failed := errors.New("stopped half way")
	err := s.Mutex("broken").Do(t.Context(), func(ctx context.Context, h *conclave.Hold) error {
		// Promise M10: with a token, that hold or nothing.
		if _, err := c.BreakMutex(t.Context(), "broken", "it hangs", "ann", conclave.OnlyToken(h.Token()-1)); !errors.Is(err, conclave.ErrStaleToken) {
			t.Errorf("another token: %v", err)
		}
		was, err := c.BreakMutex(t.Context(), "broken", "it hangs", "ann", conclave.OnlyToken(h.Token()))
		if err != nil || was.Token != h.Token() {
			t.Errorf("broken %+v, error %v", was, err)
		}
		cause := ended(t, ctx)
		if e, ok := errors.AsType[*conclave.Error](cause); !ok || e.Actor != "ann" || !errors.Is(cause, conclave.ErrBroken) {
			t.Errorf("it ended because of %v", cause)
		}
		if h.Held() {
			t.Error("it is held still")
		}
		return failed
	})
	if !errors.Is(err, failed) || !errors.Is(err, conclave.ErrLost) || !errors.Is(err, conclave.ErrBroken) {
		t.Errorf("Do returned %v", err)
	}
	if s.Context().Err() != nil {
		t.Error("the session ended with the hold")
	}
	info, err := c.GetMutex(t.Context(), "broken")
	if err != nil || info.LastBreak == nil || info.LastBreak.Actor != "ann" {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestUnlockWithTheContextOfTheHold(t *testing.T) {
	s := open(t, alone(t))
	err := s.Mutex("own").Do(t.Context(), func(ctx context.Context, h *conclave.Hold) error {
		return h.Unlock(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	hold, err := s.Mutex("own").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(hold.Unlock(hold.Context()), hold.Unlock(t.Context())); err != nil {
		t.Error(err)
	}
	if cause := context.Cause(hold.Context()); !errors.Is(cause, conclave.ErrReleased) {
		t.Errorf("it ended because of %v", cause)
	}
}

func TestDoUnlocksWhenItPanics(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	func() {
		defer func() { _ = recover() }()
		_ = s.Mutex("panic").Do(t.Context(), func(context.Context, *conclave.Hold) error { panic("oh") })
	}()
	if _, err := open(t, c).Mutex("panic").TryLock(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestReentrantMutex(t *testing.T) {
	c := alone(t)
	s, other := open(t, c), open(t, c)
	m := s.Mutex("again", conclave.Reentrant())
	one, err1 := m.Lock(t.Context())
	two, err2 := m.Lock(t.Context())
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if one.Token() != two.Token() {
		t.Errorf("tokens %d and %d", one.Token(), two.Token())
	}
	_, err := s.Mutex("again").Lock(t.Context())
	if e, ok := errors.AsType[*conclave.Error](err); !ok || !errors.Is(err, conclave.ErrAlreadyHeld) || e.Token != one.Token() {
		t.Errorf("%v", err)
	}
	if err := one.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Mutex("again").TryLock(t.Context()); !errors.Is(err, conclave.ErrHeld) || !two.Held() {
		t.Errorf("after one unlock of two: %v", err)
	}
	if err := two.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Mutex("again").TryLock(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWaitBounds(t *testing.T) {
	c := alone(t)
	if _, err := open(t, c).Mutex("bound").Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := open(t, c)
	if _, err := s.Mutex("bound", conclave.WithWait(50*time.Millisecond)).Lock(t.Context()); !errors.Is(err, conclave.ErrWaitTimeout) {
		t.Errorf("bounded by WithWait: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Mutex("bound").Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("bounded by its context: %v", err)
	}
	waitFor(t, func() bool { // given up in the background if that takes over a second
		info, err := c.GetMutex(t.Context(), "bound")
		return err == nil && info.Waiting == 0
	})
}
