package conclave

import (
	"context"
	"errors"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// watchLosses listens for what the service takes away: holds that are broken,
// handed over or canceled, and in the end the session itself. Without it, the
// session would still end in time by its deadline, but learn of a broken hold
// only from the next refusal.
func (s *Session) watchLosses() {
	failures := backoff{}
	for s.ctx.Err() == nil {
		at := s.client.endpoints.pick()
		err := s.listen(at, &failures)
		if s.ctx.Err() != nil {
			return
		}
		if isReason(err, reasonLeaseNotFound, reasonNoNamespace) {
			s.keeper.check()
		}
		if err != nil && !isReason(err, reasonResync) {
			s.client.log.Debug("session: the stream of losses broke", "session", s.id, "endpoint", at.url, "error", err)
			s.client.endpoints.leave(at)
		}
		pause(s.ctx, failures.next(1))
	}
}

// listen follows one stream to its end.
func (s *Session) listen(at *node, failures *backoff) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stream, err := at.long.WatchLease(ctx, &conclavev1.WatchLeaseRequest{
		Namespace: s.client.namespace,
		LeaseId:   int64(s.id),
	})
	if err != nil {
		return fromWire(err)
	}
	// The context ends the stream; closing it would wait for its end.
	for told := false; stream.Receive(); told = true {
		if !told {
			// From here on everything is told. What happened before was told
			// to nobody.
			failures.reset()
			if !s.start(s.verify) {
				return nil
			}
		}
		for _, lost := range stream.Msg().GetLost() {
			s.lose(lost)
		}
	}
	if err := stream.Err(); err != nil {
		return fromWire(err)
	}
	return nil
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
		var current Token
		var err error
		switch key.kind {
		case conclavev1.Lost_KIND_MUTEX:
			var info *MutexInfo
			if info, err = s.client.GetMutex(s.ctx, key.name); err == nil && info.Hold != nil {
				current = info.Hold.Token
			}
		case conclavev1.Lost_KIND_ELECTION:
			var leader *Leader
			if leader, err = s.client.Election(key.name).Leader(s.ctx); err == nil {
				current = leader.Term
			}
			if errors.Is(err, ErrNoLeader) {
				err = nil
			}
		default:
			continue
		}
		if err == nil && current != key.token {
			s.grants.lose(key, &Error{
				Reason:  reasonLost,
				Message: "it was taken away while the connection was down",
				Token:   current,
			})
		}
	}
}
