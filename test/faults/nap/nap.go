// Package nap lets time pass, unless a context ends first: between the steps of clients,
// while harm lasts, and until the next fault.
package nap

import (
	"context"
	"time"
)

// Take waits for d, and reports whether it did so before ctx ended.
func Take(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
