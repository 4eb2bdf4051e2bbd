package conclave

import (
	"context"
	"errors"
	"sync"
	"time"
)

// leavePatience is how long giving something back may take when the caller's
// context cannot bound it, because it is over.
const leavePatience = 5 * time.Second

// tenure is what a Hold and a Term have in common.
type tenure struct {
	session *Session
	grant   *grant

	once *sync.Once // guards giving back
}

// begin takes note of something that the session has got.
func (s *Session) begin(key grantKey) tenure {
	return tenure{
		session: s,
		grant:   s.granted(key),
		once:    &sync.Once{},
	}
}

// Context ends when it is given back, lost or broken, or with the session;
// context.Cause says why. It ends before the service can grant the same thing
// to somebody else, unless an administrator broke it: then at once when the
// news arrives.
func (t *tenure) Context() context.Context { return t.grant.ctx }

// Held reports whether it is held as far as this process knows. It asks nothing
// but the clock.
func (t *tenure) Held() bool { return t.grant.ctx.Err() == nil }

// run calls fn with a context that ends with the tenure as well, and leaves
// afterwards.
func (t *tenure) run(ctx context.Context, fn func(context.Context) error, leave func(context.Context) error) (err error) {
	both, stop := t.during(ctx)
	defer stop()
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leavePatience)
		defer cancel()
		switch left := leave(bounded); {
		case left == nil, errors.Is(err, left):
		case errors.Is(err, ErrLost) && errors.Is(left, ErrLost):
		default:
			err = errors.Join(err, left)
		}
	}()
	return fn(both)
}

// during is ctx that ends with the tenure as well.
func (t *tenure) during(ctx context.Context) (both context.Context, stop func()) {
	inner, cancel := context.WithCancelCause(ctx)
	end := func() { cancel(context.Cause(t.grant.ctx)) }
	leave := context.AfterFunc(t.grant.ctx, end)
	ask := func() {
		if t.grant.ctx.Err() != nil {
			end()
		}
	}
	return &liveContext{inner, ask}, func() {
		leave()
		cancel(nil)
	}
}

// finish gives back what is held, once. The context of the tenure ends first.
// leave is called with the same id again when the first answer is not known.
func (t *tenure) finish(ctx context.Context, leave func(ctx context.Context, id *requestID) error) (err error) {
	t.once.Do(func() {
		if lost := t.grant.err(); lost != nil {
			if !errors.Is(lost, ErrSessionClosed) {
				err = lost
			}
			return
		}
		ctx, stop := outliving(ctx)
		defer stop()
		t.session.grants.remove(t.grant, ErrReleased)
		id := t.session.client.quickIDs.begin()
		if err = leave(ctx, id); err == nil || ctx.Err() == nil {
			id.end()
			return
		}
		// Here it is not held any more, so the next in line may not be kept
		// waiting for the TTL.
		again := func() {
			defer id.end()
			_ = leave(t.session.ctx, id) // ends with the session otherwise
		}
		if !t.session.start(again) {
			id.end()
		}
	})
	return err
}

// outliving is ctx that does not end because what is given back with it ends:
// callers may well use the context of a hold to give back that hold.
func outliving(ctx context.Context) (_ context.Context, stop func()) {
	outliving, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	leave := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if !errors.Is(cause, ErrReleased) {
			cancel(cause)
			return
		}
		time.AfterFunc(leavePatience, func() { cancel(cause) })
	})
	return outliving, func() {
		leave()
		cancel(nil)
	}
}
