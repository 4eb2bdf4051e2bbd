package rpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// maybePause is how long a poll waits when it cannot tell whether there is news:
// something in the namespace is newer than what the caller has seen. It bounds
// both how late the caller learns and how often it asks.
const maybePause = time.Second

// poll is a question that waits for an answer newer than the caller's.
type poll struct {
	namespace string
	wait      *durationpb.Duration
	after     int64
	filter    func(namespace uint32) feed.Filter
	// query makes the question, anew each time.
	query func() *logv1.Query
	// newest is the revision of the last change that the answer shows. certain
	// is true when there was no later one that the answer does not show: what
	// is gone carries no revision.
	newest func(*logv1.Answer) (revision int64, certain bool)
}

// ask answers at once if there is news, else with the next change or, when the
// wait is over, with what is there.
func (p poll) ask(ctx context.Context, s *core) (*logv1.Answer, error) {
	where, err := s.cluster.Namespace(ctx, p.namespace)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	wait := p.wait.AsDuration()
	if wait <= 0 {
		return s.ask(ctx, where, linearizable, p.query())
	}

	ctx, done := s.waiting(ctx)
	defer done()
	ctx, released := s.leaders.while(ctx, where.Shard)
	defer released()
	sub, err := s.cluster.Subscribe(where.Shard, p.filter(where.ID))
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	answer, err := s.ask(ctx, where, linearizable, p.query())
	if err != nil {
		return nil, err
	}
	newest, certain := p.newest(answer)
	if newest > p.after {
		return answer, nil
	}
	if !certain && answer.GetRevision() > p.after {
		wait = min(wait, maybePause)
	}

	index, err := nextChange(ctx, sub, wait)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	return s.ask(ctx, where, cluster.ReadOptions{Serializable: true, MinIndex: index}, p.query())
}

// nextChange waits for an event, but not longer than wait, and returns the log
// index up to which everything is known.
func nextChange(ctx context.Context, sub *feed.Subscription, wait time.Duration) (uint64, error) {
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	batch, err := sub.Next(bounded)
	switch {
	case errors.Is(err, feed.ErrLagging), errors.Is(err, feed.ErrReset):
		return 0, nil // something happened
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		return 0, nil // the wait is over
	}
	return batch.Index, err
}
