package conclave_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/conclavetest"
	conclave "github.com/conclavehq/conclave/sdk"
)

// dial makes a client of the shared node.
func dial(t testing.TB, opts ...conclave.Option) *conclave.Client {
	t.Helper()
	c, err := conclave.Dial(t.Context(), endpoints, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// alone makes a client of a namespace that nobody else uses.
func alone(t testing.TB) *conclave.Client {
	t.Helper()
	name := strings.ToLower(rand.Text())
	if _, err := dial(t).CreateNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return dial(t, conclave.WithNamespace(name))
}

func open(t testing.TB, c *conclave.Client, opts ...conclave.SessionOption) *conclave.Session {
	t.Helper()
	s, err := c.NewSession(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// hears waits until a session is told at once of what it loses. It begins to
// listen when it has something; of what is taken from it before, it only finds out
// that it is gone.
func hears(t testing.TB, c *conclave.Client, s *conclave.Session) {
	t.Helper()
	hold, err := s.Mutex("hears").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.BreakMutex(t.Context(), "hears", "a test", "the test"); err != nil {
		t.Fatal(err)
	}
	_ = ended(t, hold.Context())
}

// ended waits for the end of a context, and gives its cause.
func ended(t testing.TB, ctx context.Context) error {
	t.Helper()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(20 * time.Second):
		t.Fatal("the context goes on")
		return nil
	}
}

func TestSessionRenewsItself(t *testing.T) {
	c := alone(t)
	s := open(t, c, conclave.WithTTL(9*time.Second))
	extended(t, func() time.Duration {
		lease, err := c.GetLease(t.Context(), s.ID())
		if err != nil {
			t.Fatal(err)
		}
		return lease.Remaining
	})
	// It hears of the renewal after the service has made it.
	waitFor(t, func() bool { return s.Left() > s.TTL()/2 })
	if err := context.Cause(s.Context()); err != nil || s.Left() > s.TTL() {
		t.Errorf("%v are left of %v, %v", s.Left(), s.TTL(), err)
	}
}

// extended waits until what runs out has been given more time.
func extended(t testing.TB, left func() time.Duration) {
	t.Helper()
	least := left()
	waitFor(t, func() bool {
		now := left()
		least = min(least, now)
		return now > least+time.Second
	})
}

func TestSessionIsToldThatItIsLost(t *testing.T) {
	srv := conclavetest.Start(t)
	c := srv.Client(t)
	s := open(t, c, conclave.WithTTL(10*time.Second))
	hold, err := s.Mutex("a").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next := open(t, c, conclave.WithTTL(time.Hour))
	granted := make(chan *conclave.Hold)
	go func() {
		h, err := next.Mutex("a").Lock(t.Context())
		if err != nil {
			t.Error(err)
		}
		granted <- h
	}()
	waitFor(t, func() bool {
		info, err := c.GetMutex(t.Context(), "a")
		return err == nil && info.Waiting == 1
	})

	srv.Advance(11 * time.Second)

	if after := <-granted; after != nil && after.Token() <= hold.Token() {
		t.Errorf("token %d after %d", after.Token(), hold.Token())
	}
	for _, ctx := range []context.Context{hold.Context(), s.Context()} {
		if cause := ended(t, ctx); !errors.Is(cause, conclave.ErrLost) {
			t.Errorf("it ended because of %v", cause)
		}
	}
	if err := hold.Unlock(t.Context()); !errors.Is(err, conclave.ErrLost) {
		t.Errorf("unlocking what is lost: %v", err)
	}
	if _, err := s.Mutex("b").Lock(t.Context()); !errors.Is(err, conclave.ErrSessionLost) {
		t.Errorf("locking with a lost session: %v", err)
	}
	_, err = c.Put(t.Context(), "k", "v", hold.Guard())
	if !errors.Is(err, conclave.ErrGuardFailed) {
		t.Errorf("a write with a lost hold: %v", err)
	}
}

func TestRevokedSession(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	if _, err := c.RevokeLease(t.Context(), s.ID(), "maintenance"); err != nil {
		t.Fatal(err)
	}
	cause := ended(t, s.Context())
	if !errors.Is(cause, conclave.ErrSessionLost) || errors.Is(cause, conclave.ErrSessionClosed) {
		t.Errorf("it ended because of %v", cause)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("closing what is lost: %v", err)
	}
}

func TestCloseReleasesAll(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	hold, err := s.Mutex("close").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(t.Context()), s.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if cause := context.Cause(hold.Context()); !errors.Is(cause, conclave.ErrSessionClosed) || errors.Is(cause, conclave.ErrLost) {
		t.Errorf("the hold ended because of %v", cause)
	}
	if err := hold.Unlock(t.Context()); err != nil {
		t.Errorf("unlocking what was closed: %v", err)
	}
	if _, err := open(t, c).Mutex("close").TryLock(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.GetLease(t.Context(), s.ID()); !errors.Is(err, conclave.ErrLeaseNotFound) {
		t.Errorf("the lease of a closed session: %v", err)
	}
}

// A context that is over does not keep the service from being told.
func TestCloseWithAnEndedContext(t *testing.T) {
	c := alone(t)
	s := open(t, c, conclave.WithTTL(time.Hour))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(over); err != nil {
		t.Error(err)
	}
	if _, err := c.GetLease(t.Context(), s.ID()); !errors.Is(err, conclave.ErrLeaseNotFound) {
		t.Errorf("the lease is still there: %v", err)
	}
}

func TestDetachAndAttach(t *testing.T) {
	c := alone(t)
	s := open(t, c, conclave.WithTTL(time.Minute))
	hold, err := s.Mutex("detach").Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Detach()
	if _, err := open(t, c).Mutex("detach").TryLock(t.Context()); !errors.Is(err, conclave.ErrHeld) {
		t.Errorf("after Detach: %v", err)
	}
	again, err := c.AttachSession(t.Context(), s.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ReleaseMutex(t.Context(), "detach", hold.Token()); err != nil {
		t.Error(err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.AttachSession(t.Context(), s.ID()); !errors.Is(err, conclave.ErrLeaseNotFound) {
		t.Errorf("attaching to a closed session: %v", err)
	}
}

// Promise R5
func TestSessionShowsWhoItIs(t *testing.T) {
	c := alone(t)
	s := open(t, c, conclave.WithIdentity("worker-7"), conclave.WithPurpose("nightly run"),
		conclave.WithLabels(map[string]string{"zone": "a"}))
	if _, err := s.Mutex("who", conclave.WithPurpose("backup")).Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, c).Mutex("who").TryLock(t.Context())
	e, ok := errors.AsType[*conclave.Error](err)
	if !ok || e.Holder == nil {
		t.Fatalf("%v", err)
	}
	if e.Holder.Identity != "worker-7" || e.Holder.Purpose != "backup" || e.Holder.Labels["zone"] != "a" ||
		e.Holder.PID == 0 || e.Holder.Since.IsZero() || e.RetryAfter <= 0 {
		t.Errorf("holder %+v, retry after %v", e.Holder, e.RetryAfter)
	}
	lease, err := c.GetLease(t.Context(), s.ID())
	if err != nil || lease.Card.Purpose != "nightly run" || len(lease.Owns) != 1 {
		t.Errorf("%+v, %v", lease, err)
	}
}

// waitFor polls what cannot be waited for otherwise.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not happen")
		}
	}
}
