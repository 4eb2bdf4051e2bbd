package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// handOverMemory is how long a hand-over stays on record.
const handOverMemory Clock = 24 * 60 * 60 * 1000

// Campaign wins an election that nobody leads, or takes a place among its
// candidates: higher priority first, then first come first served. A term ends
// by its leader's resignation, a hand-over or the end of its session; a
// candidate of any priority never ends it.
func Campaign(tx Tx, cmd *logv1.Campaign) (*logv1.CampaignResult, *logv1.Refusal) {
	name, leaseID := cmd.GetName(), cmd.GetLeaseId()
	if !leaseExists(tx, leaseID) {
		return nil, noLease(leaseID)
	}
	e := loadElection(tx, name)
	if e.LeaseId == leaseID {
		return nil, &logv1.Refusal{
			Reason: logv1.Reason_REASON_ALREADY_HELD,
			Detail: "this session leads already",
			Token:  e.Term,
		}
	}
	if ticket := waitOf(tx, leaseID, ownedCandidacy, name); ticket != 0 {
		return nil, &logv1.Refusal{
			Reason: logv1.Reason_REASON_ALREADY_WAITING,
			Detail: "this session is a candidate already",
			Token:  ticket,
		}
	}

	c := &candidate{
		priority: cmd.GetPriority(),
		CandidateRecord: &storagev1.CandidateRecord{
			LeaseId: leaseID,
			Value:   cmd.GetValue(),
			Card:    sessionCard(tx, leaseID, cmd.GetCard()),
		},
	}
	switch {
	case nobodyLeads(e):
		beginTerm(tx, name, e, c)
		saveElection(tx, name, e)
		emitElection(tx, name, e)
		return &logv1.CampaignResult{Term: e.Term}, nil
	case cmd.GetWaitMs() == 0:
		return nil, &logv1.Refusal{
			Reason:       logv1.Reason_REASON_HELD,
			Detail:       "somebody else leads",
			Token:        e.Term,
			Holder:       e.Card,
			RetryAfterMs: expiresIn(tx, e.LeaseId),
		}
	default:
		c.UntilMs = waitUntil(tx, cmd.GetWaitMs())
		joinElection(tx, name, e, c)
		return &logv1.CampaignResult{Ticket: c.ticket, Position: candidatePosition(tx, name, e, c)}, nil
	}
}

// Proclaim changes what the leader says about itself. The term goes on.
func Proclaim(tx Tx, cmd *logv1.Proclaim) (*logv1.ProclaimResult, *logv1.Refusal) {
	e := loadElection(tx, cmd.GetName())
	if refusal := checkTerm(e, cmd.GetTerm()); refusal != nil {
		return nil, refusal
	}
	e.Value = cmd.GetValue()
	e.ChangedRevision = int64(tx.NextRevision())
	saveElection(tx, cmd.GetName(), e)
	emitElection(tx, cmd.GetName(), e)
	return &logv1.ProclaimResult{}, nil
}

// Resign ends a term. The next candidate, or the one that the leader names,
// leads in the same commit. When the named one does not wait, the term goes on.
func Resign(tx Tx, cmd *logv1.Resign) (*logv1.ResignResult, *logv1.Refusal) {
	e := loadElection(tx, cmd.GetName())
	if refusal := checkTerm(e, cmd.GetTerm()); refusal != nil {
		return nil, refusal
	}
	next, refusal := successor(tx, cmd.GetName(), e, cmd.GetTo())
	if refusal != nil {
		return nil, refusal
	}
	endTerm(tx, cmd.GetName(), e, next)
	return &logv1.ResignResult{NextTerm: e.Term}, nil
}

// CancelCampaign withdraws a candidacy. A term that it has become meanwhile
// ends, so after it the caller neither waits nor leads. A candidacy that has
// ended otherwise is withdrawn without effect, as long as its ticket is
// remembered.
func CancelCampaign(tx Tx, cmd *logv1.CancelCampaign) (*logv1.CancelCampaignResult, *logv1.Refusal) {
	name, ticket := cmd.GetName(), cmd.GetTicket()
	e := loadElection(tx, name)
	if ticket == 0 {
		ticket = waitOf(tx, cmd.GetLeaseId(), ownedCandidacy, name)
	}
	if ticket == 0 && e.LeaseId == cmd.GetLeaseId() {
		ticket = e.Ticket
	}
	if ticket == 0 || !ticketKnown(tx, ticket) {
		return nil, refuse(logv1.Reason_REASON_TICKET_NOT_FOUND, "there is no such candidacy")
	}
	if e.Ticket == ticket {
		endTerm(tx, name, e, firstCandidate(tx, name, e))
		return &logv1.CancelCampaignResult{Resigned: true}, nil
	}
	dropCandidate(tx, name, ticket, logv1.TicketOutcome_TICKET_OUTCOME_CANCELED, "")
	return &logv1.CancelCampaignResult{}, nil
}

// HandOver ends the leader's term by an administrator's will (promise R6). The
// named candidate, or the first in line, leads; nobody does when none waits.
func HandOver(tx Tx, cmd *logv1.HandOver) (*logv1.HandOverResult, *logv1.Refusal) {
	name := cmd.GetName()
	e := loadElection(tx, name)
	if nobodyLeads(e) {
		return nil, noLeader()
	}
	next, refusal := successor(tx, name, e, cmd.GetTo())
	if refusal != nil {
		return nil, refusal
	}

	ended := e.Term
	recordHandOver(tx, name, e, cmd)
	emitLostTerm(tx, name, e, "handed over", cmd.GetReason(), cmd.GetActor())
	endTerm(tx, name, e, next)
	return &logv1.HandOverResult{EndedTerm: ended, NextTerm: e.Term}, nil
}

// checkTerm refuses when a term is not the current one.
func checkTerm(e *storagev1.ElectionRecord, term int64) *logv1.Refusal {
	if nobodyLeads(e) {
		return noLeader()
	}
	if e.Term != term {
		refusal := refuse(logv1.Reason_REASON_STALE_TOKEN, "another term has begun")
		refusal.Token = e.Term
		return refusal
	}
	return nil
}

func noLeader() *logv1.Refusal {
	return refuse(logv1.Reason_REASON_NO_LEADER, "nobody leads")
}

// recordHandOver keeps who handed over and why.
func recordHandOver(tx Tx, name string, e *storagev1.ElectionRecord, cmd *logv1.HandOver) {
	if e.HandOverForgetMs != 0 {
		clearTimer(tx, Clock(e.HandOverForgetMs), timerHandOver, nameColumn(name))
	}
	e.HandOverReason, e.HandOverActor = cmd.GetReason(), cmd.GetActor()
	e.HandOverForgetMs = int64(tx.Clock() + handOverMemory)
	setTimer(tx, Clock(e.HandOverForgetMs), timerHandOver, nameColumn(name))
}

// forgetHandOver drops the record of a hand-over that is a day old.
func forgetHandOver(tx Tx, name string, due Clock) {
	e := loadElection(tx, name)
	if e.HandOverForgetMs == 0 || Clock(e.HandOverForgetMs) != due {
		return
	}
	e.HandOverReason, e.HandOverActor, e.HandOverForgetMs = "", "", 0
	saveElection(tx, name, e)
}
