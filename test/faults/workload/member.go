package workload

import (
	"context"
	"errors"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// deserted is the reason of a loss that the loser wanted: it left its session to
// itself, as a process does that is stopped for long.
const deserted = "DETACHED"

// losses are the reasons with which the SDK says that something was lost before it
// was given back.
var losses = map[string]bool{"LOST": true, "BROKEN": true, "SESSION_EXPIRED": true, "SESSION_LOST": true}

// member is a client with a session of the SDK, which is replaced when it is lost.
type member struct {
	*client
	session *conclave.Session // nil: none
}

// join makes sure that there is a session, and reports whether there is.
func (m *member) join() bool {
	if m.session != nil && m.session.Context().Err() == nil {
		return true
	}
	ctx, cancel := m.deadline()
	defer cancel()
	session, err := m.sdk.NewSession(ctx, conclave.WithTTL(m.between(time.Second, 2*time.Second)))
	m.session = session
	m.count(err)
	return err == nil
}

// leave closes the session, so that whatever it holds or waits for is free.
func (m *member) leave() {
	if m.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(m.load.life, 2*time.Second)
	defer cancel()
	_ = m.session.Close(ctx) // the service ends it otherwise
	m.session = nil
}

// desert leaves the session to itself: nobody renews it any more.
func (m *member) desert() {
	m.session.Detach()
	m.session = nil
}

// asked judges a call that stands in line or takes something for the session. A
// call that is cut short may be granted for a moment, and one whose session ends may
// have been granted before: both are Unknown, and nothing is held in the end.
func asked(err error) (history.Outcome, string) {
	e, told := errors.AsType[*conclave.Error](err)
	switch {
	case err == nil:
		return history.OK, ""
	case errors.Is(err, conclave.ErrSessionLost), errors.Is(err, conclave.ErrSessionClosed):
		return history.Unknown, string(e.Reason)
	case !told, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return history.Unknown, "CANCELED"
	}
	return judge(err)
}

// cut reports whether a call ended because its caller did not wait any longer, and
// not because the service was in trouble.
func cut(ctx context.Context, outcome history.Outcome, reason string) bool {
	return outcome == history.Unknown && reason == "CANCELED" && ctx.Err() != nil
}

// vigil records when something that is held is lost.
type vigil struct {
	stop func() bool
	told chan struct{}
}

// watch begins a vigil: loss is added when ctx ends before the vigil.
func (c *client) watch(ctx context.Context, loss history.Record) *vigil {
	v := &vigil{told: make(chan struct{})}
	v.stop = context.AfterFunc(ctx, func() {
		defer close(v.told)
		loss.Call = c.load.history.Now()
		loss.Return = loss.Call
		loss.Reason = whyLost(ctx)
		c.load.history.Add(loss)
	})
	return v
}

// end ends the vigil and reports whether nothing was lost before.
func (v *vigil) end() bool {
	if v.stop() {
		return true
	}
	<-v.told
	return false
}

// whyLost is the reason for which a context of the SDK or of etcd's client ended.
func whyLost(ctx context.Context) string {
	if e, ok := errors.AsType[*conclave.Error](context.Cause(ctx)); ok {
		return string(e.Reason)
	}
	return "SESSION_EXPIRED"
}

// lost adds the record of a loss now.
func (c *client) lost(loss history.Record, reason string) {
	loss.Call = c.load.history.Now()
	loss.Return = loss.Call
	loss.Reason = reason
	c.load.history.Add(loss)
}
