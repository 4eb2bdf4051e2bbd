package conclave

import (
	"context"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

const (
	// How long a call whose context ended stays to see its place given up.
	settlePatience = time.Second
	// How often giving up is tried while the place has not been taken yet.
	settlePause = 50 * time.Millisecond
)

// settleKey names a place in line. A session has one in each line.
type settleKey struct {
	kind conclavev1.Lost_Kind
	name string
}

// standing is a request that may stand in line.
type standing[Req, Res any] struct {
	session *Session
	key     settleKey
	method  method[Req, Res]
	req     *Req
	slot    **conclavev1.RequestId // where req has its id
	// withdraw gives the place up; nil for a request that does not wait.
	withdraw func(ctx context.Context) error
	// giveBack returns what was granted although nobody waits for it any more.
	giveBack func(ctx context.Context, res *Res)
}

// do sends the request and waits for its answer.
//
// When ctx ends, the place is given up before do returns if that is possible
// within settlePatience, and in the background otherwise. Until it is, the
// session takes no new place in that line: the late cancel would hit it.
func (w standing[Req, Res]) do(ctx context.Context) (*Res, error) {
	s := w.session
	if err := s.settled(ctx, w.key); err != nil {
		return nil, err
	}
	both, stop := joined(ctx, s.ctx)
	defer stop()

	ids := s.client.waitIDs
	if w.withdraw == nil {
		ids = s.client.quickIDs
	}
	id := ids.begin()
	*w.slot = id.proto()
	res, err := w.send(both)
	switch {
	case s.ctx.Err() != nil:
		// The service releases with the session whatever was granted.
		id.end()
		return nil, s.err()
	case err == nil, !isReason(err, reasonOutcomeUnknown):
		id.end()
		return res, err
	}

	done := make(chan struct{})
	s.settleFrom(w.key, done)
	task := func() {
		defer id.end()
		defer s.settledNow(w.key, done)
		w.settle()
	}
	if !s.start(task) {
		id.end()
		s.settledNow(w.key, done)
		return nil, s.err()
	}
	patience := time.NewTimer(settlePatience)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	}
	return nil, interrupted(ctx, nil, false)
}

func (w standing[Req, Res]) send(ctx context.Context) (*Res, error) {
	if w.withdraw == nil {
		return call(ctx, w.session.client, once, w.method, w.req)
	}
	return wait(ctx, w.session.client, w.method, w.req)
}

// settle finds out what became of the request, by sending it again with its
// request id, and undoes it. It ends with the session at the latest.
func (w standing[Req, Res]) settle() {
	s := w.session
	ctx, answered := context.WithCancel(s.ctx)
	defer answered()
	withdrawn := make(chan struct{})
	go func() {
		defer close(withdrawn)
		// The request itself may still be on its way: repeat until it answers.
		for w.withdraw != nil && ctx.Err() == nil {
			// With the session's context: a cancel whose fate is unknown could
			// hit the next place in the same line.
			if err := w.withdraw(s.ctx); err != nil && s.ctx.Err() == nil {
				s.client.log.Debug("giving up a place in line", "name", w.key.name, "error", err)
			}
			pause(ctx, settlePause)
		}
	}()

	res, err := w.send(s.ctx)
	answered()
	<-withdrawn
	if err == nil {
		w.giveBack(s.ctx, res)
	}
}

// settled waits until no abandoned wait of that line is left.
func (s *Session) settled(ctx context.Context, key settleKey) error {
	for {
		if err := s.err(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return interrupted(ctx, nil, false)
		}
		s.mu.Lock()
		done := s.settling[key]
		s.mu.Unlock()
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
		case <-s.ctx.Done():
		}
	}
}

func (s *Session) settleFrom(key settleKey, done chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settling == nil {
		s.settling = make(map[settleKey]chan struct{})
	}
	s.settling[key] = done
}

func (s *Session) settledNow(key settleKey, done chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settling[key] == done {
		delete(s.settling, key)
	}
	close(done)
}
