package rpc

import (
	"context"
	"errors"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// watchLease tells what a session loses, and ends with the session.
func (s *core) watchLease(ctx context.Context, req *conclavev1.WatchLeaseRequest, send func(*conclavev1.WatchLeaseResponse) error) error {
	where, err := s.cluster.Namespace(ctx, req.GetNamespace())
	if err != nil {
		return unanswered(ctx, err)
	}
	ctx, done := s.leaders.while(ctx, where.Shard)
	defer done()
	sub, err := s.cluster.Subscribe(where.Shard, feed.Lease(where.ID, req.GetLeaseId()))
	if err != nil {
		return err
	}
	defer sub.Close()
	if _, err := s.leaseRevision(ctx, where, req.GetLeaseId(), linearizable); err != nil {
		return err
	}
	// The caller knows now that it will hear of every loss.
	if err := send(&conclavev1.WatchLeaseResponse{}); err != nil {
		return err
	}

	for {
		batch, err := sub.Next(ctx)
		if errors.Is(err, feed.ErrLagging) || errors.Is(err, feed.ErrReset) {
			return s.missedLosses(ctx, where, req.GetLeaseId(), send)
		}
		if err != nil {
			return unanswered(ctx, err)
		}
		lost, ended := losses(batch.Events)
		if len(lost) > 0 {
			if err := send(&conclavev1.WatchLeaseResponse{Lost: lost}); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// leaseRevision fails with LEASE_NOT_FOUND when there is no such lease.
func (s *core) leaseRevision(ctx context.Context, where cluster.Namespace, id int64, read cluster.ReadOptions) (int64, error) {
	answer, err := s.ask(ctx, where, read, &logv1.Query{
		Body: &logv1.Query_GetLease{GetLease: &logv1.GetLease{LeaseId: id}},
	})
	return answer.GetRevision(), err
}

// missedLosses ends a stream that events were dropped from. What the session
// holds has to be compared by the caller, who alone knows what it believes.
func (s *core) missedLosses(ctx context.Context, where cluster.Namespace, id int64, send func(*conclavev1.WatchLeaseResponse) error) error {
	revision, err := s.leaseRevision(ctx, where, id, local)
	if refusedWith(err, logv1.Reason_REASON_LEASE_NOT_FOUND) {
		return send(&conclavev1.WatchLeaseResponse{Lost: []*conclavev1.Lost{{Cause: "session ended"}}})
	}
	if err != nil {
		return unanswered(ctx, err)
	}
	return resync(revision, "events of the session were dropped; check what it holds and watch again")
}

// resync tells a watcher that it has missed something.
func resync(revision int64, sentence string) error {
	f := fail(conclavev1.ErrorReason_ERROR_REASON_RESYNC, "%s", sentence)
	f.info.Revision = revision
	return f
}

// losses translates the events of a lease; ended is true when one of them is
// the end of the lease itself.
func losses(events []*logv1.Event) (lost []*conclavev1.Lost, ended bool) {
	for _, event := range events {
		switch body := event.GetBody().(type) {
		case *logv1.Event_Lost:
			lost = append(lost, &conclavev1.Lost{
				Kind:   conclavev1.Lost_Kind(body.Lost.GetKind()),
				Name:   body.Lost.GetName(),
				Token:  body.Lost.GetToken(),
				JobId:  body.Lost.GetJobId(),
				Cause:  body.Lost.GetCause(),
				Reason: body.Lost.GetReason(),
				Actor:  body.Lost.GetActor(),
			})
		case *logv1.Event_Lease:
			ended = true
			cause := "session expired"
			if body.Lease.GetCause() == "revoked" {
				cause = "session closed"
			}
			lost = append(lost, &conclavev1.Lost{Cause: cause, Reason: body.Lease.GetReason()})
		}
	}
	return lost, ended
}
