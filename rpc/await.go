package rpc

import (
	"context"
	"errors"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// await waits until a place in line is granted. index is that of the log entry
// that made the place, or of the one that answered a retry.
//
// Nothing that ends the call gives the place up (promise R4): that is up to the
// wait's bound, the end of the session, and the Cancel calls.
func (s *core) await(ctx context.Context, where cluster.Namespace, ticket int64, index uint64) (*logv1.TicketEvent, error) {
	ctx, done := s.waiting(ctx)
	defer done()
	ctx, released := s.leaders.while(ctx, where.Shard)
	defer released()

	// The subscription begins before the ticket is read, so an end that the
	// answer does not show yet comes through it.
	sub, err := s.cluster.Subscribe(where.Shard, feed.Ticket(where.ID, ticket))
	if err != nil {
		return nil, err
	}
	defer sub.Close()

	read := cluster.ReadOptions{Serializable: true, MinIndex: index}
	for {
		answer, err := s.ask(ctx, where, read, &logv1.Query{
			Body: &logv1.Query_GetTicket{GetTicket: &logv1.GetTicket{Ticket: ticket}},
		})
		if err != nil {
			return nil, stillInLine(ctx, err)
		}
		end := answer.GetGetTicket()
		if end.GetOutcome() == logv1.TicketOutcome_TICKET_OUTCOME_WAITING {
			end, err = nextEnd(ctx, sub)
		}
		switch {
		case errors.Is(err, feed.ErrLagging), errors.Is(err, feed.ErrReset):
			continue // the state has what was missed
		case err != nil:
			return nil, stillInLine(ctx, err)
		}
		return granted(end)
	}
}

// nextEnd waits for the event that ends a ticket.
func nextEnd(ctx context.Context, sub *feed.Subscription) (*logv1.TicketEvent, error) {
	for {
		batch, err := sub.Next(ctx)
		if err != nil {
			return nil, err
		}
		for _, event := range batch.Events {
			if end := event.GetTicket(); end != nil {
				return end, nil
			}
		}
	}
}

// granted turns an end other than a grant into an error.
func granted(end *logv1.TicketEvent) (*logv1.TicketEvent, error) {
	var f *failure
	switch end.GetOutcome() {
	case logv1.TicketOutcome_TICKET_OUTCOME_GRANTED:
		return end, nil
	case logv1.TicketOutcome_TICKET_OUTCOME_TIMED_OUT:
		f = fail(conclavev1.ErrorReason_ERROR_REASON_WAIT_TIMEOUT,
			"the wait is over without a grant; ask again, or wait longer")
	case logv1.TicketOutcome_TICKET_OUTCOME_CANCELED:
		f = fail(conclavev1.ErrorReason_ERROR_REASON_WAIT_CANCELED,
			"the wait was canceled")
	case logv1.TicketOutcome_TICKET_OUTCOME_SESSION_LOST:
		f = fail(conclavev1.ErrorReason_ERROR_REASON_SESSION_LOST,
			"the session ended while it waited; open a new one and ask again")
	default:
		f = fail(conclavev1.ErrorReason_ERROR_REASON_TICKET_NOT_FOUND,
			"the wait ended earlier, and how is forgotten; ask again with a new request_id")
	}
	if detail := end.GetDetail(); detail != "" {
		f.message += " (" + detail + ")"
	}
	return nil, f
}

// stillInLine says what the end of a waiting call means.
func stillInLine(ctx context.Context, err error) error {
	if cause := sentAway(ctx); cause != nil {
		return cause
	}
	if ctx.Err() == nil {
		return err
	}
	f := fail(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN,
		"the call ended before the wait, and the place in line is kept; send the same request again to wait on, or cancel it")
	f.code = endedBy(ctx)
	return f
}
