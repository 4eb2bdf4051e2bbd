//go:build linux

package wallclock

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/single"
)

// The wall clock of a node jumps by hours while it serves. A lease that nobody
// renews ends after its TTL, no earlier and at most a second later; a session that
// renews itself goes on.
//
// Promise T3.
func TestServerLeases(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	n := single.Prepare(t, filepath.Join(t.TempDir(), "data"))
	n.Start()
	clock, err := Attach(n.PID())
	ok(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := conclave.Dial(ctx, []string{n.URL})
	ok(t, err)
	defer func() { _ = client.Close() }()
	session, err := client.NewSession(ctx, conclave.WithTTL(2*time.Second))
	ok(t, err)

	const ttl = 3 * time.Second
	for _, by := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour, 1000 * time.Hour} {
		before := time.Now()
		lease, err := client.GrantLease(ctx, conclave.WithTTL(ttl))
		ok(t, err)
		granted := time.Now()
		rev, err := client.Put(ctx, "leased", "x", conclave.WithLease(lease))
		ok(t, err)
		ok(t, clock.Jump(by))
		if off := serverOff(t, n.URL); off != clock.Offset() {
			t.Errorf("the clock of the node is off by %v, want %v", off, clock.Offset())
		}
		ended := waitDeleted(ctx, t, client, rev)
		early, late := ttl-ended.Sub(before), ended.Sub(granted)-ttl
		t.Logf("jump by %v: the lease ended %v after its grant", by, ended.Sub(granted).Round(time.Millisecond))
		if early > 0 || late > time.Second {
			t.Errorf("jump by %v: the lease of %v ended %v after its grant", by, ttl, ended.Sub(granted))
		}
		if session.Context().Err() != nil {
			t.Fatalf("jump by %v: the session ended: %v", by, context.Cause(session.Context()))
		}
	}
	_, err = client.Put(ctx, "after", "x")
	ok(t, err)
}

// serverOff is how far the node's wall clock is from this one's, by the date that
// it writes into its answers.
func serverOff(t *testing.T, url string) time.Duration {
	t.Helper()
	answer, err := http.Get(url + "/health")
	ok(t, err)
	ok(t, answer.Body.Close())
	date, err := http.ParseTime(answer.Header.Get("Date"))
	ok(t, err)
	return time.Until(date).Round(time.Minute)
}

// waitDeleted returns when the deletion of the leased key was told.
func waitDeleted(ctx context.Context, t *testing.T, client *conclave.Client, after conclave.Revision) time.Time {
	t.Helper()
	for event, err := range client.Watch(ctx, "leased", conclave.FromRevision(after+1)) {
		ok(t, err)
		if event.Type == conclave.EventDelete {
			return time.Now()
		}
	}
	t.Fatal("the watch ended")
	return time.Time{}
}
