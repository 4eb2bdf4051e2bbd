package conclave

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeLease is the service's side of a keeper in a test: it answers each renewal
// with what answer says at that moment.
type fakeLease struct {
	ttl    time.Duration
	answer func(ctx context.Context) error

	acked             atomic.Pointer[time.Time] // when the last acknowledged renewal was sent
	asked             int
	longest, shortest time.Duration // between two renewals
	last              time.Time
}

func (l *fakeLease) renew(ctx context.Context) (time.Duration, error) {
	sent := time.Now()
	if l.asked++; l.asked > 1 {
		l.longest = max(l.longest, sent.Sub(l.last))
		l.shortest = min(l.shortest, sent.Sub(l.last))
	} else {
		l.shortest = time.Hour
	}
	l.last = sent
	if err := l.answer(ctx); err != nil {
		return 0, err
	}
	l.acked.Store(&sent)
	return l.ttl, nil
}

// keep runs a keeper until its lease is over, and says when.
func keep(t *testing.T, l *fakeLease) (ended time.Time, cause error) {
	d, ctx := newDeadline(t.Context(), now(), l.ttl, func() error { return &Error{Reason: reasonSessionExpired} })
	k := newKeeper(d, l.ttl, slog.New(slog.DiscardHandler), l.renew)
	k.run(ctx)
	<-ctx.Done()
	return time.Now(), context.Cause(ctx)
}

var unreachable = &Error{Reason: reasonUnavailable, Message: "no answer"}

// Promise T5
func TestSessionEndsBeforeTheServiceCanRegrant(t *testing.T) {
	const ttl = 10 * time.Second
	tests := map[string]func(ctx context.Context) error{
		"no renewal is answered": func(context.Context) error { return unreachable },
		"no packet arrives":      func(ctx context.Context) error { <-ctx.Done(); return unreachable },
		"the answer comes when it is too late": func(context.Context) error {
			<-time.After(30 * time.Second)
			return nil
		},
	}
	for name, broken := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until := time.Now().Add(time.Minute)
				l := &fakeLease{ttl: ttl}
				l.answer = func(ctx context.Context) error {
					if time.Now().Before(until) {
						return nil
					}
					return broken(ctx)
				}
				d, ctx := newDeadline(t.Context(), now(), ttl, func() error { return &Error{Reason: reasonSessionExpired} })
				k := newKeeper(d, ttl, slog.New(slog.DiscardHandler), l.renew)
				over := make(chan struct{})
				go func() { defer close(over); k.run(ctx) }()
				<-ctx.Done()
				lived := time.Since(*l.acked.Load())
				<-over
				if lived > 9*time.Second || lived < 9*time.Second-time.Millisecond {
					t.Errorf("it ended %v after the last acknowledged renewal was sent, want 9s", lived)
				}
				if !isReason(context.Cause(ctx), reasonSessionExpired) {
					t.Errorf("cause %v", context.Cause(ctx))
				}
			})
		})
	}
}

func TestKeeperRenewsAtAThird(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := time.Now().Add(time.Hour)
		l := &fakeLease{ttl: 9 * time.Second}
		l.answer = func(context.Context) error {
			if time.Now().After(over) {
				return &Error{Reason: reasonLeaseNotFound}
			}
			return nil
		}
		ended, cause := keep(t, l)
		if !isReason(cause, reasonSessionLost) {
			t.Errorf("cause %v", cause)
		}
		if late := ended.Sub(over); late > 3*time.Second {
			t.Errorf("it learned %v late that the lease is gone", late)
		}
		if l.longest > 3*time.Second || l.shortest < 2700*time.Millisecond {
			t.Errorf("renewals between %v and %v apart, want 2.7s to 3s", l.shortest, l.longest)
		}
	})
}

// A failover of the service takes a second or two: the session must not end.
func TestKeeperBridgesAFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := &fakeLease{ttl: 5 * time.Second}
		l.answer = func(ctx context.Context) error {
			switch passed := time.Since(began); {
			case passed > time.Minute:
				return &Error{Reason: reasonLeaseNotFound}
			case passed%(10*time.Second) < 2*time.Second:
				<-ctx.Done() // nobody answers
				return unreachable
			}
			return nil
		}
		ended, cause := keep(t, l)
		if lived := ended.Sub(began); lived < time.Minute || !isReason(cause, reasonSessionLost) {
			t.Errorf("it ended after %v because of %v", lived, cause)
		}
	})
}

func TestKeeperHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLease{ttl: time.Hour, answer: func(context.Context) error { return &Error{Reason: reasonLeaseNotFound} }}
		d, ctx := newDeadline(t.Context(), now(), l.ttl, gone)
		k := newKeeper(d, l.ttl, slog.New(slog.DiscardHandler), l.renew)
		k.check()
		k.check() // twice is as good as once
		began := time.Now()
		k.run(ctx)
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v to learn that the lease is gone", took)
		}
	})
}
