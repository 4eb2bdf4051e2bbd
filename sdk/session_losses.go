package conclave

import (
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// granted takes note of something that the session has from now on, and of which
// the service may tell that it is lost. A session that has nothing needs no stream
// for that: its renewals tell it when it is over itself. 100,000 of them would
// take as many streams, which cost the node a hundred times what a lease does.
func (s *Session) granted(key grantKey) *grant {
	s.losses.Do(func() { s.start(s.watchLosses) })
	return s.grants.add(s.ctx, key, func() { s.deadline.passed() })
}

// watchLosses listens for what the service takes away: holds that are broken,
// handed over or canceled, and in the end the session itself. Without it, the
// session would still end in time by its deadline, but learn of a broken hold
// only from the next refusal.
func (s *Session) watchLosses() {
	failures := backoff{}
	for s.ctx.Err() == nil {
		at, err := s.listen(&failures)
		if s.ctx.Err() != nil {
			return
		}
		if isReason(err, reasonLeaseNotFound, reasonNoNamespace) {
			s.keeper.check()
		}
		if err != nil && err != errEvicted && !isReason(err, reasonResync) {
			s.client.log.Debug("session: the stream of losses broke", "session", s.id, "endpoint", at.url, "error", err)
			s.client.endpoints.leave(at)
		}
		pause(s.ctx, failures.next(1))
	}
}

// listen follows one stream to its end.
func (s *Session) listen(failures *backoff) (*node, error) {
	heard := false
	at, _, err := receive(s.ctx, s.client, (*services).WatchLease, &conclavev1.WatchLeaseRequest{
		Namespace: s.client.where(),
		LeaseId:   int64(s.id),
	}, func(res *conclavev1.WatchLeaseResponse) bool {
		if !heard {
			// From here on everything is told. What happened before was told
			// to nobody.
			heard = true
			failures.reset()
			s.start(s.verify)
		}
		for _, lost := range res.GetLost() {
			s.lose(lost)
		}
		return true
	})
	return at, err
}

// lose ends what the service says is lost.
func (s *Session) lose(lost *conclavev1.Lost) {
	cause := lossOf(lost)
	s.client.log.Warn("lost", "session", s.id, "what", lost.GetKind(), "name", lost.GetName(),
		"token", lost.GetToken(), "cause", cause)
	if lost.GetKind() == conclavev1.Lost_KIND_UNSPECIFIED {
		cause.Reason = reasonSessionLost
		s.deadline.stop(cause)
		return
	}
	s.grants.lose(grantKey{
		kind:  lost.GetKind(),
		name:  lost.GetName(),
		token: Token(lost.GetToken()),
		job:   JobID(lost.GetJobId()),
	}, cause)
}

func lossOf(lost *conclavev1.Lost) *Error {
	e := &Error{
		Reason:  reasonLost,
		Message: lost.GetCause(),
		Token:   Token(lost.GetToken()),
		Actor:   lost.GetActor(),
	}
	if e.Message == "" {
		e.Message = "lost"
	}
	switch lost.GetCause() {
	case "broken", "handed over", "canceled", "buried":
		e.Reason = reasonBroken
	}
	if lost.GetActor() != "" {
		e.Message += " by " + lost.GetActor()
	}
	if lost.GetReason() != "" {
		e.Message += ", because: " + lost.GetReason()
	}
	return e
}

// verify compares what the session believes it has with what the service says,
// after a time in which losses were not heard. Claims are not asked for: their
// next extension tells.
func (s *Session) verify() {
	for _, key := range s.grants.keys() {
		var cause *Error
		switch key.kind {
		case conclavev1.Lost_KIND_MUTEX:
			if info, err := s.client.GetMutex(s.ctx, key.name); err == nil {
				cause = info.lossOf(key.token)
			}
		case conclavev1.Lost_KIND_ELECTION:
			if info, err := s.client.Election(key.name).Info(s.ctx); err == nil {
				cause = info.lossOf(key.token)
			}
		}
		if cause != nil {
			s.grants.lose(key, cause)
		}
	}
}

// lossOf says how a hold was lost, nil if it is current.
func (m *MutexInfo) lossOf(token Token) *Error {
	if m.Hold != nil && m.Hold.Token == token {
		return nil
	}
	if m.LastBreak != nil && m.LastBreak.Token == token {
		return lossOf(&conclavev1.Lost{Cause: "broken", Reason: m.LastBreak.Reason, Actor: m.LastBreak.Actor})
	}
	return &Error{Reason: reasonLost, Message: "it was taken away while the connection was down"}
}

// lossOf says how a term was lost, nil if it is current.
func (e *ElectionInfo) lossOf(term Token) *Error {
	if e.Leader != nil && e.Leader.Term == term {
		return nil
	}
	if e.HandOverReason != "" {
		return lossOf(&conclavev1.Lost{Cause: "handed over", Reason: e.HandOverReason, Actor: e.HandOverActor})
	}
	return &Error{Reason: reasonLost, Message: "it was taken away while the connection was down"}
}
