package conclave

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// keeper renews one lease until its deadline has passed or the service says
// that the lease is gone. It knows nothing of the network.
type keeper struct {
	deadline *deadline
	ttl      time.Duration
	log      *slog.Logger
	// renew asks for one renewal, in one attempt, and returns the TTL that the
	// service gave.
	renew func(ctx context.Context) (time.Duration, error)
	// hurry asks for a renewal now: something made it doubtful that the lease
	// still exists.
	hurry chan struct{}
}

func newKeeper(d *deadline, ttl time.Duration, log *slog.Logger, renew func(context.Context) (time.Duration, error)) *keeper {
	return &keeper{deadline: d, ttl: ttl, log: log, renew: renew, hurry: make(chan struct{}, 1)}
}

// check makes the keeper renew soon, to learn whether the lease exists.
func (k *keeper) check() {
	select {
	case k.hurry <- struct{}{}:
	default:
	}
}

// run renews at a third of the TTL after each success. After a failure it tries
// again quickly: two thirds of the TTL are there to find a node that answers.
// It ends with ctx, which is the deadline's.
func (k *keeper) run(ctx context.Context) {
	timer := time.NewTimer(k.interval())
	defer timer.Stop()
	failures := backoff{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-k.hurry:
		}
		// After a stop of this process the clock comes first: a renewal may
		// still succeed, but by now others may have learned of the expiry.
		if k.deadline.passed() {
			return
		}
		sent := now()
		ttl, err := k.once(ctx)
		switch {
		case err == nil:
			failures.reset()
			k.ttl = ttl
			if !k.deadline.extend(sent, ttl) {
				return
			}
			timer.Reset(k.interval())
		case ctx.Err() != nil:
			return
		case isReason(err, reasonLeaseNotFound, reasonNoNamespace):
			k.deadline.stop(&Error{
				Reason:  reasonSessionLost,
				Message: "the service has ended the session",
				cause:   err,
			})
			return
		default:
			k.log.Warn("session: a renewal failed", "error", err, "left", k.deadline.left())
			timer.Reset(min(failures.next(1), k.ttl/10))
		}
	}
}

// once bounds an attempt so that several fit before hold-until.
func (k *keeper) once(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, max(k.ttl/5, 20*time.Millisecond))
	defer cancel()
	return k.renew(ctx)
}

// interval spreads the renewals of many sessions that began at the same time.
func (k *keeper) interval() time.Duration {
	third := k.ttl / 3
	return third - rand.N(third/10+1)
}
