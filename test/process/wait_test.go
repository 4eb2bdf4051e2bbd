package process

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// pollEvery is how often something outside is looked at that cannot call back:
// the state of another process.
const pollEvery = 10 * time.Millisecond

// eventually looks until check finds what it looks for, and fails the test when
// it has not after d. The error of check says what is missing.
func eventually(t testing.TB, d time.Duration, check func(ctx context.Context) error) {
	t.Helper()
	if err := until(t.Context(), d, check); err != nil {
		t.Fatalf("not so after %v: %v", d, err)
	}
}

// until is eventually for other goroutines than the test's.
func until(ctx context.Context, d time.Duration, check func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // what a check cut short complains about says nothing
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}

// within is the test's context with a bound.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fmt.Errorf("the test gave it %v", d))
	t.Cleanup(cancel)
	return ctx
}

// short chooses a smaller size for `go test -short`.
func short(small, full int) int {
	if testing.Short() {
		return small
	}
	return full
}
