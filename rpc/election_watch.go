package rpc

import (
	"context"
	"errors"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

func electionQuery(name string, candidates int32) *logv1.Query {
	return &logv1.Query{Body: &logv1.Query_GetElection{
		GetElection: &logv1.GetElection{Name: name, Candidates: candidates},
	}}
}

// pollElection waits for the next change of leader or value, if it is asked to.
func (h electionHandler) pollElection(ctx context.Context, req *conclavev1.GetElectionRequest) (*logv1.Answer, error) {
	return poll{
		namespace: req.GetNamespace(),
		wait:      req.GetWait(),
		after:     req.GetAfterRevision(),
		filter:    func(namespace uint32) feed.Filter { return feed.Election(namespace, req.GetName()) },
		query:     func() *logv1.Query { return electionQuery(req.GetName(), pageSize(req.GetCandidates())) },
		newest: func(answer *logv1.Answer) (int64, bool) {
			leader := answer.GetGetElection().GetElection().GetLeader()
			return leader.GetRevision(), leader != nil
		},
	}.ask(ctx, h.core)
}

// observe tells the current leader, and then each change.
func (h electionHandler) observe(ctx context.Context, req *conclavev1.ObserveElectionRequest, send func(*conclavev1.ObserveElectionResponse) error) error {
	where, err := h.cluster.Namespace(ctx, req.GetNamespace())
	if err != nil {
		return unanswered(ctx, err)
	}
	ctx, done := h.leaders.while(ctx, where.Shard)
	defer done()
	sub, err := h.cluster.Subscribe(where.Shard, feed.Election(where.ID, req.GetName()))
	if err != nil {
		return err
	}
	defer sub.Close()
	told, err := h.tellLeader(ctx, where, req.GetName(), linearizable, send)
	if err != nil {
		return err
	}

	for {
		batch, err := sub.Next(ctx)
		switch {
		case errors.Is(err, feed.ErrLagging), errors.Is(err, feed.ErrReset):
			// Who leads now is all that an observer has to know.
			told, err = h.tellLeader(ctx, where, req.GetName(), local, send)
			if err != nil {
				return err
			}
			continue
		case err != nil:
			return unanswered(ctx, err)
		}
		for _, event := range batch.Events {
			if event.GetRevision() <= told {
				continue // the answer showed it
			}
			told = event.GetRevision()
			change := &conclavev1.ObserveElectionResponse{
				Revision: told,
				Leader:   leader(event.GetElection().GetLeader()),
			}
			if err := send(change); err != nil {
				return err
			}
		}
	}
}

// tellLeader sends who leads now and returns as of which revision.
func (h electionHandler) tellLeader(ctx context.Context, where cluster.Namespace, name string, read cluster.ReadOptions, send func(*conclavev1.ObserveElectionResponse) error) (int64, error) {
	answer, err := h.ask(ctx, where, read, electionQuery(name, 0))
	if err != nil {
		return 0, unanswered(ctx, err)
	}
	return answer.GetRevision(), send(&conclavev1.ObserveElectionResponse{
		Revision: answer.GetRevision(),
		Leader:   leader(answer.GetGetElection().GetElection().GetLeader()),
	})
}
