package conclavetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/conclavehq/conclave/conclavetest"
	conclave "github.com/conclavehq/conclave/sdk"
)

// What a session owns is free as soon as the clock has been moved past its TTL:
// the test does not wait for it (promises T1, T3).
func TestAdvanceEndsLeases(t *testing.T) {
	srv := conclavetest.Start(t)
	c := srv.Client(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	gone, err := c.NewSession(ctx, conclave.WithTTL(time.Hour), conclave.WithIdentity("gone"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := gone.Mutex("db").Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	gone.Detach() // as if its process had been killed

	next, err := c.NewSession(ctx, conclave.WithTTL(24*time.Hour), conclave.WithIdentity("next"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Mutex("db").TryLock(ctx); !errors.Is(err, conclave.ErrHeld) {
		t.Fatalf("the first holder's TTL has not passed: got %v, want ErrHeld", err)
	}
	srv.Advance(time.Hour + time.Second)
	second, err := next.Mutex("db").Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if second.Token() <= first.Token() {
		t.Errorf("token %d came after token %d", second.Token(), first.Token())
	}
	if err := next.Close(ctx); err != nil {
		t.Error(err)
	}
}

// Two servers of one test share nothing.
func TestServersAreApart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	one, two := conclavetest.Start(t).Client(t), conclavetest.Start(t).Client(t)
	if _, err := one.Put(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if kv, err := two.Get(ctx, "k"); !errors.Is(err, conclave.ErrKeyNotFound) {
		t.Errorf("the second server has the first one's key: %v, %v", kv, err)
	}
}

// Time is the server's, so a lease that nobody renews ends without waiting.
func TestAdvanceEndsALease(t *testing.T) {
	srv := conclavetest.Start(t)
	c := srv.Client(t)
	lease, err := c.GrantLease(t.Context(), conclave.WithTTL(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	srv.Advance(11 * time.Second)
	if _, err := c.RenewLease(t.Context(), lease); !errors.Is(err, conclave.ErrLeaseNotFound) {
		t.Errorf("got %v, want ErrLeaseNotFound", err)
	}
}
