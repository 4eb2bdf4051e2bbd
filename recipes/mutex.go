package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// breakMemory is how long a forced break stays on record.
const breakMemory Clock = 24 * 60 * 60 * 1000

// AcquireMutex takes a mutex for a session, or a place in its line.
//
//	          grant                     release, clean end
//	FREE ───────────────▶ HELD ──────────────────────────────▶ FREE, or HELD
//	  ▲                     │ unclean end or break,             by the next in
//	  │ delay passed,       ▼ with a lock-delay                 line, in the
//	  └─ nobody waits ── DELAYED ── delay passed ─▶ HELD        same commit
func AcquireMutex(tx Tx, cmd *logv1.AcquireMutex) (*logv1.AcquireMutexResult, *logv1.Refusal) {
	name, leaseID := cmd.GetName(), cmd.GetLeaseId()
	if !leaseExists(tx, leaseID) {
		return nil, noLease(leaseID)
	}
	m := loadMutex(tx, name)
	if m.LeaseId == leaseID {
		return reenterMutex(tx, name, m, cmd.GetReentrant())
	}
	if ticket := waitOf(tx, leaseID, ownedMutexWait, name); ticket != 0 {
		return nil, &logv1.Refusal{
			Reason: logv1.Reason_REASON_ALREADY_WAITING,
			Detail: "this session waits for the mutex already",
			Token:  ticket,
		}
	}

	waiter := &storagev1.MutexWaiterRecord{
		LeaseId:     leaseID,
		Card:        sessionCard(tx, leaseID, cmd.GetCard()),
		LockDelayMs: cmd.GetLockDelayMs(),
	}
	switch {
	case mutexIsFree(m) && m.DelayedUntilMs == 0:
		holdMutex(tx, name, m, waiter, 0)
		saveMutex(tx, name, m)
		emitMutex(tx, name, m)
		return &logv1.AcquireMutexResult{Token: m.Token, Count: m.Count}, nil
	case cmd.GetWaitMs() == 0:
		return nil, mutexIsTaken(tx, m)
	default:
		waiter.UntilMs = waitUntil(tx, cmd.GetWaitMs())
		ticket := joinMutex(tx, name, m, waiter)
		return &logv1.AcquireMutexResult{Ticket: ticket, Position: m.Waiting}, nil
	}
}

// ReleaseMutex gives one count back; the last one hands the mutex on.
func ReleaseMutex(tx Tx, cmd *logv1.ReleaseMutex) (*logv1.ReleaseMutexResult, *logv1.Refusal) {
	name := cmd.GetName()
	m := loadMutex(tx, name)
	if refusal := checkMutexToken(m, cmd.GetToken()); refusal != nil {
		return nil, refusal
	}
	if m.Count > 1 {
		m.Count--
		saveMutex(tx, name, m)
		return &logv1.ReleaseMutexResult{Count: m.Count}, nil
	}
	endHold(tx, name, m, true)
	return &logv1.ReleaseMutexResult{NextToken: m.Token}, nil
}

// CancelAcquire leaves the line. A hold that the wait has become meanwhile is
// given back, so after it the caller neither waits nor holds. A wait that has
// ended otherwise is canceled without effect, as long as its ticket is
// remembered.
func CancelAcquire(tx Tx, cmd *logv1.CancelAcquire) (*logv1.CancelAcquireResult, *logv1.Refusal) {
	name, ticket := cmd.GetName(), cmd.GetTicket()
	m := loadMutex(tx, name)
	if ticket == 0 {
		ticket = waitOf(tx, cmd.GetLeaseId(), ownedMutexWait, name)
	}
	if ticket == 0 && m.LeaseId == cmd.GetLeaseId() {
		ticket = m.Ticket
	}
	if ticket == 0 || !ticketKnown(tx, ticket) {
		return nil, refuse(logv1.Reason_REASON_TICKET_NOT_FOUND, "there is no such wait for the mutex")
	}
	if m.Ticket == ticket {
		endHold(tx, name, m, true)
		return &logv1.CancelAcquireResult{Released: true}, nil
	}
	dropMutexWaiter(tx, name, ticket, logv1.TicketOutcome_TICKET_OUTCOME_CANCELED, "")
	return &logv1.CancelAcquireResult{}, nil
}

// BreakMutex takes a mutex from its holder by force. The holder's lock-delay
// applies, since the holder goes on until it learns of the break. Breaking a
// mutex that is free in its lock-delay ends the delay.
func BreakMutex(tx Tx, cmd *logv1.BreakMutex) (*logv1.BreakMutexResult, *logv1.Refusal) {
	name := cmd.GetName()
	m := loadMutex(tx, name)
	if mutexIsFree(m) && m.DelayedUntilMs != 0 && cmd.GetToken() == 0 {
		recordBreak(tx, name, m, cmd)
		clearTimer(tx, Clock(m.DelayedUntilMs), timerMutexDelay, nameColumn(name))
		leaveDelay(tx, name, m)
		return &logv1.BreakMutexResult{NextToken: m.Token}, nil
	}
	token := cmd.GetToken()
	if token == 0 {
		token = m.Token
	}
	if refusal := checkMutexToken(m, token); refusal != nil {
		return nil, refusal
	}

	victim := m.Card
	recordBreak(tx, name, m, cmd)
	emitLostMutex(tx, name, m, "broken", cmd.GetReason(), cmd.GetActor())
	endHold(tx, name, m, false)
	return &logv1.BreakMutexResult{BrokenToken: token, Holder: victim, NextToken: m.Token}, nil
}

// reenterMutex answers a session that asks for what it holds.
func reenterMutex(tx Tx, name string, m *storagev1.MutexRecord, counted bool) (*logv1.AcquireMutexResult, *logv1.Refusal) {
	if !counted {
		return nil, &logv1.Refusal{
			Reason: logv1.Reason_REASON_ALREADY_HELD,
			Detail: "this session holds the mutex already",
			Token:  m.Token,
		}
	}
	m.Count++
	saveMutex(tx, name, m)
	return &logv1.AcquireMutexResult{Token: m.Token, Count: m.Count}, nil
}

// mutexIsTaken tells a caller that does not wait why it gets nothing.
func mutexIsTaken(r Reader, m *storagev1.MutexRecord) *logv1.Refusal {
	if mutexIsFree(m) {
		return &logv1.Refusal{
			Reason:       logv1.Reason_REASON_LOCK_DELAY,
			Detail:       "the last holder was lost, and its lock-delay has not passed",
			RetryAfterMs: max(0, m.DelayedUntilMs-int64(r.Clock())),
		}
	}
	return &logv1.Refusal{
		Reason:       logv1.Reason_REASON_HELD,
		Detail:       "somebody else holds the mutex",
		Token:        m.Token,
		Holder:       m.Card,
		RetryAfterMs: expiresIn(r, m.LeaseId),
	}
}

// checkMutexToken refuses when a token is not that of the current hold. The
// name alone never releases anything.
func checkMutexToken(m *storagev1.MutexRecord, token int64) *logv1.Refusal {
	if mutexIsFree(m) {
		return refuse(logv1.Reason_REASON_NOT_HELD, "nobody holds the mutex")
	}
	if m.Token != token {
		refusal := refuse(logv1.Reason_REASON_STALE_TOKEN, "the mutex is held with another token")
		refusal.Token = m.Token
		return refusal
	}
	return nil
}

// recordBreak keeps who broke a mutex, why, and from whom (promise R6).
func recordBreak(tx Tx, name string, m *storagev1.MutexRecord, cmd *logv1.BreakMutex) {
	if m.LastBreak != nil {
		clearTimer(tx, Clock(m.BreakForgetMs), timerMutexBreak, nameColumn(name))
	}
	m.LastBreak = &logv1.MutexBreak{
		Token:  m.Token,
		Actor:  cmd.GetActor(),
		Reason: cmd.GetReason(),
		AtMs:   tx.WallMS(),
		Holder: m.Card,
	}
	m.BreakForgetMs = int64(tx.Clock() + breakMemory)
	setTimer(tx, Clock(m.BreakForgetMs), timerMutexBreak, nameColumn(name))
}

// forgetBreak drops the record of a break that is a day old.
func forgetBreak(tx Tx, name string, due Clock) {
	m := loadMutex(tx, name)
	if m.LastBreak == nil || Clock(m.BreakForgetMs) != due {
		return
	}
	m.LastBreak, m.BreakForgetMs = nil, 0
	saveMutex(tx, name, m)
}
