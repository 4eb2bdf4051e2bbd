package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// await puts a worker in line for the next job, if it wants to wait.
func (q *openQueue) await(worker *storagev1.QueueWaiterRecord, waitMS int64) (*logv1.ClaimJobsResult, *logv1.Refusal) {
	if waitMS == 0 {
		return &logv1.ClaimJobsResult{}, nil
	}
	if q.rec.Waiting >= maxQueueWaiters {
		return nil, refuse(logv1.Reason_REASON_TOO_MANY, "%d workers wait for queue %q", q.rec.Waiting, q.name)
	}
	ticket := openTicket(q.tx)
	columns := ticketColumns(q.name, ticket)
	if worker.DueMs = waitUntil(q.tx, waitMS); worker.DueMs != 0 {
		setTimer(q.tx, Clock(worker.DueMs), timerQueueWait, columns)
	}
	own(q.tx, worker.GetLeaseId(), ownedQueueWait, columns)
	save(q.tx, queueWaiterKey(q.tx, q.name, ticket), worker)
	q.rec.Waiting++
	q.close()
	return &logv1.ClaimJobsResult{Ticket: ticket}, nil
}

// serve hands ready jobs to the workers in line, first come first served. The
// first one gets as much of what is ready as it wants.
func (q *openQueue) serve() {
	for q.rec.Ready > 0 && q.rec.Waiting > 0 {
		ticket, worker, found := q.firstWaiter()
		if !found {
			return
		}
		q.leaveLine(ticket, worker)
		worker.Card = stamped(q.tx, worker.GetCard())
		granted := &storagev1.TicketRecord{
			Outcome: logv1.TicketOutcome_TICKET_OUTCOME_GRANTED,
			Token:   int64(q.tx.NextRevision()),
			Queue:   q.name,
		}
		for _, j := range q.take(worker) {
			granted.JobIds = append(granted.JobIds, j.id)
		}
		closeTicket(q.tx, ticket, granted)
	}
}

// firstWaiter is the first worker in line whose session goes on. One whose
// deadline has passed cannot be renewed any more; its place goes when the leader
// ends it, and must not get a job until then.
func (q *openQueue) firstWaiter() (ticket int64, worker *storagev1.QueueWaiterRecord, found bool) {
	prefix := queueWaiterPrefix(q.tx, q.name)
	q.tx.Scan(prefix, keys.After(prefix), func(key, value []byte) bool {
		worker = &storagev1.QueueWaiterRecord{}
		decode(key, value, worker)
		if !leaseExists(q.tx, worker.GetLeaseId()) {
			return true
		}
		var err error
		if ticket, _, err = keys.ReadI64(key[len(prefix):]); err != nil {
			panic(fmt.Sprintf("recipes: waiter key %x: %v", key, err))
		}
		found = true
		return false
	})
	return ticket, worker, found
}

// leaveLine takes a worker out of the line.
func (q *openQueue) leaveLine(ticket int64, worker *storagev1.QueueWaiterRecord) {
	columns := ticketColumns(q.name, ticket)
	if worker.GetDueMs() != 0 {
		clearTimer(q.tx, Clock(worker.GetDueMs()), timerQueueWait, columns)
	}
	disown(q.tx, worker.GetLeaseId(), ownedQueueWait, columns)
	q.tx.Delete(queueWaiterKey(q.tx, q.name, ticket))
	q.rec.Waiting--
}

// dropQueueWaiter ends a wait without a job. It does nothing when the wait is
// over already.
func dropQueueWaiter(tx Tx, queue string, ticket int64, outcome logv1.TicketOutcome, detail string) {
	var worker storagev1.QueueWaiterRecord
	if !load(tx, queueWaiterKey(tx, queue, ticket), &worker) {
		return
	}
	q := open(tx, queue)
	q.leaveLine(ticket, &worker)
	closeTicket(tx, ticket, &storagev1.TicketRecord{Outcome: outcome, Detail: detail})
	q.close()
}

// CancelClaim leaves the line. Jobs that were handed out first go back to where
// they were, and the attempt does not count. A wait that ended otherwise stays
// ended.
func CancelClaim(tx Tx, cmd *logv1.CancelClaim) (*logv1.CancelClaimResult, *logv1.Refusal) {
	canceled := logv1.TicketOutcome_TICKET_OUTCOME_CANCELED
	if cmd.GetTicket() == 0 {
		tickets := queueWaits(tx, cmd.GetQueue(), cmd.GetLeaseId())
		for _, ticket := range tickets {
			dropQueueWaiter(tx, cmd.GetQueue(), ticket, canceled, "")
		}
		if len(tickets) == 0 {
			return nil, refuse(logv1.Reason_REASON_TICKET_NOT_FOUND, "session %d does not wait for queue %q", cmd.GetLeaseId(), cmd.GetQueue())
		}
		return &logv1.CancelClaimResult{}, nil
	}
	if tx.Get(queueWaiterKey(tx, cmd.GetQueue(), cmd.GetTicket())) != nil {
		dropQueueWaiter(tx, cmd.GetQueue(), cmd.GetTicket(), canceled, "")
		return &logv1.CancelClaimResult{}, nil
	}

	var ended storagev1.TicketRecord
	if !load(tx, ticketKey(tx, cmd.GetTicket()), &ended) || ended.GetOutcome() == logv1.TicketOutcome_TICKET_OUTCOME_WAITING {
		return nil, refuse(logv1.Reason_REASON_TICKET_NOT_FOUND, "nobody waits for queue %q with ticket %d", cmd.GetQueue(), cmd.GetTicket())
	}
	if ended.GetQueue() != cmd.GetQueue() {
		return &logv1.CancelClaimResult{}, nil
	}
	return &logv1.CancelClaimResult{Returned: giveBack(tx, &ended)}, nil
}

// queueWaits lists the tickets that a session has in the line of a queue.
func queueWaits(r Reader, queue string, leaseID int64) []int64 {
	var tickets []int64
	prefix := ownedKey(r, leaseID, ownedQueueWait, nameColumn(queue))
	r.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		ticket, _, err := keys.ReadI64(key[len(prefix):])
		if err != nil {
			panic(fmt.Sprintf("recipes: possession %x: %v", key, err))
		}
		tickets = append(tickets, ticket)
		return true
	})
	return tickets
}

// giveBack returns the jobs of a grant that nobody took, uncounted.
func giveBack(tx Tx, granted *storagev1.TicketRecord) int32 {
	q := open(tx, granted.GetQueue())
	var returned int32
	for _, id := range granted.GetJobIds() {
		j, refusal := currentClaim(tx, q.name, id, granted.GetToken())
		if refusal != nil {
			continue
		}
		q.leave(j)
		j.rec.Attempt--
		q.lineUp(j, 0)
		returned++
	}
	if returned > 0 {
		q.close()
	}
	return returned
}
