package recipes

import (
	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// ticketMemory is how long the outcome of an ended wait can be asked for.
const ticketMemory Clock = 60_000

func ticketKey(r Reader, ticket int64) []byte {
	return keys.I64(keys.Prefix(r.Namespace(), keys.Ticket), ticket)
}

// openTicket makes the record of a new wait and returns its number: the
// command's revision.
func openTicket(tx Tx) int64 {
	ticket := int64(tx.NextRevision())
	save(tx, ticketKey(tx, ticket), &storagev1.TicketRecord{
		Outcome: logv1.TicketOutcome_TICKET_OUTCOME_WAITING,
	})
	return ticket
}

// closeTicket records how a wait ended and tells whoever waits on it. Outcomes
// are kept for a minute, so a waiter that reconnects learns its own. One that
// became a hold is kept until retireTicket says that the hold has ended; jobs
// are claimed for a short time anyway, so a grant of jobs is kept like the
// other outcomes.
func closeTicket(tx Tx, ticket int64, rec *storagev1.TicketRecord) {
	save(tx, ticketKey(tx, ticket), rec)
	granted := rec.GetOutcome() == logv1.TicketOutcome_TICKET_OUTCOME_GRANTED
	if !granted || len(rec.GetJobIds()) > 0 {
		retireTicket(tx, ticket)
	}
	tx.Emit(&logv1.Event{Body: &logv1.Event_Ticket{Ticket: ticketEvent(tx, ticket, rec)}})
}

// retireTicket lets a ticket's record be forgotten after a minute. A hold that
// was granted at once has the ticket 0, and nothing to forget.
func retireTicket(tx Tx, ticket int64) {
	if ticket != 0 {
		setTimer(tx, tx.Clock()+ticketMemory, timerTicketForget, keys.I64(nil, ticket))
	}
}

// ticketKnown reports whether a wait goes on or is remembered.
func ticketKnown(r Reader, ticket int64) bool { return r.Get(ticketKey(r, ticket)) != nil }

// waitUntil returns the log clock at which a wait of that bound ends, 0 when
// it has no bound but its session.
func waitUntil(r Reader, waitMS int64) int64 {
	if waitMS < 0 {
		return 0
	}
	return int64(later(r, waitMS))
}

// forgetTicket drops the record of an ended wait.
func forgetTicket(tx Tx, ticket int64) { tx.Delete(ticketKey(tx, ticket)) }

// GetTicket answers how a wait stands.
func GetTicket(r Reader, q *logv1.GetTicket) (*logv1.TicketEvent, *logv1.Refusal) {
	var rec storagev1.TicketRecord
	if !load(r, ticketKey(r, q.GetTicket()), &rec) {
		return &logv1.TicketEvent{
			Ticket:  q.GetTicket(),
			Outcome: logv1.TicketOutcome_TICKET_OUTCOME_UNKNOWN,
		}, nil
	}
	return ticketEvent(r, q.GetTicket(), &rec), nil
}

func ticketEvent(r Reader, ticket int64, rec *storagev1.TicketRecord) *logv1.TicketEvent {
	event := &logv1.TicketEvent{
		Ticket:  ticket,
		Outcome: rec.GetOutcome(),
		Token:   rec.GetToken(),
		Detail:  rec.GetDetail(),
	}
	for _, id := range rec.GetJobIds() {
		if job := claimedJob(r, rec.GetQueue(), id, rec.GetToken()); job != nil {
			event.Jobs = append(event.Jobs, job)
		}
	}
	return event
}
