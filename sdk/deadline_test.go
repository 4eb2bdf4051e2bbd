package conclave

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errGone = errors.New("gone")

func gone() error { return errGone }

// endsAfter waits for the end of a context and says when it came.
func endsAfter(ctx context.Context, began time.Time) time.Duration {
	<-ctx.Done()
	return time.Since(began)
}

// Promise T5
func TestHoldUntil(t *testing.T) {
	tests := map[string]struct {
		answerTook, ttl time.Duration
		want            time.Duration // after the request was sent
	}{
		"ten seconds":            {0, 10 * time.Second, 9 * time.Second},
		"counted from sending":   {2 * time.Second, 10 * time.Second, 9 * time.Second},
		"margin of a tenth":      {0, 500 * time.Millisecond, 450 * time.Millisecond},
		"margin of a second":     {0, time.Hour, time.Hour - time.Second},
		"the answer came late":   {9 * time.Second, 10 * time.Second, 9 * time.Second},
		"the answer came later":  {11 * time.Second, 10 * time.Second, 11 * time.Second},
		"the shortest there are": {0, 100 * time.Millisecond, 90 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, sent := time.Now(), now()
				<-time.After(test.answerTook)
				_, ctx := newDeadline(t.Context(), sent, test.ttl, gone)
				// The boot clock runs in real time here: a little of it counts.
				if got := endsAfter(ctx, began); got > test.want || got < test.want-time.Millisecond {
					t.Errorf("the context ended %v after the request was sent, want %v", got, test.want)
				}
				if cause := context.Cause(ctx); cause != errGone {
					t.Errorf("cause %v", cause)
				}
			})
		})
	}
}

// Promise T5
func TestHoldUntilMovesWithRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		began := time.Now()
		d, ctx := newDeadline(t.Context(), now(), ttl, gone)
		for range 3 {
			<-time.After(5 * time.Second)
			sent := now()
			<-time.After(time.Second)
			if !d.extend(sent, ttl) {
				t.Fatal("an acknowledged renewal was not taken over")
			}
		}
		// The last one was sent at 17 s.
		if got := endsAfter(ctx, began); got > 26*time.Second || got < 26*time.Second-time.Millisecond {
			t.Errorf("the context ended after %v, want 26s", got)
		}
		if d.extend(now(), ttl) {
			t.Error("a renewal revived what had ended")
		}
		if d.left() != 0 {
			t.Errorf("%v are left of what has ended", d.left())
		}
	})
}

// A process that was stopped runs its timers late: whoever asks first has to
// get the right answer all the same.
//
// Promise T5
func TestErrAsksTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ctx := newDeadline(t.Context(), now(), 10*time.Second, gone)
		var g grants
		hold := g.add(ctx, grantKey{name: "a"}, func() { d.passed() })
		inner := tenure{grant: hold}
		both, stop := inner.during(t.Context())
		defer stop()

		<-time.After(8 * time.Second)
		d.timer.Stop() // it never fires
		for _, c := range []context.Context{ctx, hold.ctx, both} {
			if err := c.Err(); err != nil {
				t.Fatalf("ended early: %v", err)
			}
		}
		<-time.After(time.Second)
		if both.Err() == nil {
			t.Error("the context of Do goes on after hold-until")
		}
		for _, c := range []context.Context{ctx, hold.ctx, both} {
			if c.Err() == nil || !errors.Is(context.Cause(c), errGone) {
				t.Errorf("after hold-until: %v because of %v", c.Err(), context.Cause(c))
			}
		}
	})
}

func TestAgeTakesTheLongerClock(t *testing.T) {
	if sinceBoot() == 0 {
		t.Skip("this system has no boot clock")
	}
	s := now()
	s.boot -= time.Hour // the machine was suspended for an hour
	if age := s.age(); age < time.Hour {
		t.Errorf("age %v, want more than an hour", age)
	}
}
