package rig

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const (
	// Patience bounds what a loaded machine may take for anything that is quick.
	Patience = 30 * time.Second
	// pollEvery is how often something outside is looked at that cannot call
	// back: the state of another process.
	pollEvery = 10 * time.Millisecond
)

// Eventually looks until check finds what it looks for, and fails the test when it
// has not within Patience. The error of check says what is missing.
func Eventually(t testing.TB, check func(ctx context.Context) error) {
	t.Helper()
	ctx := Within(t, Patience)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil || last == nil {
			last = err // what a check cut short complains about says nothing
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not so after %v: %v", Patience, last)
		}
	}
}

// Within is the test's context with a bound.
func Within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fmt.Errorf("the test gave it %v", d))
	t.Cleanup(cancel)
	return ctx
}
