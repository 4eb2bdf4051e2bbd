package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// How many candidates are looked at to tell a position among other priorities,
// or to find the one with a name. Beyond it a position is approximate.
const candidateSearch = 1000

// candidate is a place in the line of an election with its key columns.
type candidate struct {
	priority int32
	ticket   int64
	*storagev1.CandidateRecord
}

func electionKey(r Reader, name string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.Election), name)
}

// candidateLine is the prefix of an election's candidates, in their order.
func candidateLine(r Reader, name string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.ElectionCandidate), name)
}

func candidateKey(r Reader, name string, priority int32, ticket int64) []byte {
	return keys.I64(keys.Inverted(candidateLine(r, name), priority), ticket)
}

// loadElection returns the record of an election; every name has one that
// nobody leads.
func loadElection(r Reader, name string) *storagev1.ElectionRecord {
	e := &storagev1.ElectionRecord{}
	load(r, electionKey(r, name), e)
	return e
}

// saveElection writes the record of an election, or removes it when it says
// nothing.
func saveElection(tx Tx, name string, e *storagev1.ElectionRecord) {
	if nobodyLeads(e) && e.Waiting == 0 && e.HandOverForgetMs == 0 {
		tx.Delete(electionKey(tx, name))
		return
	}
	save(tx, electionKey(tx, name), e)
}

func nobodyLeads(e *storagev1.ElectionRecord) bool { return e.LeaseId == 0 }

// electionTermIs reports whether a term is the current one: what the guard
// leads(election, term) of a transaction asks (promise R3).
func electionTermIs(r Reader, name string, term int64) bool {
	return checkTerm(loadElection(r, name), term) == nil
}

// joinElection gives a candidate its place and its ticket.
func joinElection(tx Tx, name string, e *storagev1.ElectionRecord, c *candidate) {
	c.ticket = openTicket(tx)
	save(tx, ticketKey(tx, c.ticket), &storagev1.TicketRecord{
		Outcome:  logv1.TicketOutcome_TICKET_OUTCOME_WAITING,
		Priority: c.priority,
	})
	save(tx, candidateKey(tx, name, c.priority, c.ticket), c.CandidateRecord)
	own(tx, c.LeaseId, ownedCandidacy, ticketColumns(name, c.ticket))
	if c.UntilMs != 0 {
		setTimer(tx, Clock(c.UntilMs), timerCampaignWait, ticketColumns(name, c.ticket))
	}
	e.Waiting++
	saveElection(tx, name, e)
}

// leaveElection takes a candidate out of the line, but does not save the
// election.
func leaveElection(tx Tx, name string, e *storagev1.ElectionRecord, c *candidate) {
	tx.Delete(candidateKey(tx, name, c.priority, c.ticket))
	disown(tx, c.LeaseId, ownedCandidacy, ticketColumns(name, c.ticket))
	if c.UntilMs != 0 {
		clearTimer(tx, Clock(c.UntilMs), timerCampaignWait, ticketColumns(name, c.ticket))
	}
	e.Waiting--
}

// dropCandidate ends a candidacy that was not won. It does nothing when there
// is no such candidacy any more.
func dropCandidate(tx Tx, name string, ticket int64, outcome logv1.TicketOutcome, detail string) {
	var place storagev1.TicketRecord
	if !load(tx, ticketKey(tx, ticket), &place) {
		return
	}
	c := &candidate{priority: place.GetPriority(), ticket: ticket, CandidateRecord: &storagev1.CandidateRecord{}}
	if !load(tx, candidateKey(tx, name, c.priority, ticket), c.CandidateRecord) {
		return
	}
	e := loadElection(tx, name)
	leaveElection(tx, name, e, c)
	saveElection(tx, name, e)
	closeTicket(tx, ticket, &storagev1.TicketRecord{Outcome: outcome, Detail: detail})
}

// beginTerm makes a candidate the leader. The term is the command's revision.
func beginTerm(tx Tx, name string, e *storagev1.ElectionRecord, c *candidate) {
	e.LeaseId = c.LeaseId
	e.Term = int64(tx.NextRevision())
	e.Value = c.Value
	e.Card = stamped(tx, c.Card)
	e.Priority = c.priority
	e.Ticket = c.ticket
	e.ChangedRevision = e.Term
	own(tx, e.LeaseId, ownedTerm, nameColumn(name))
}

// endTerm ends a term and lets the next candidate lead, if there is one, in
// the same commit (promise R1).
func endTerm(tx Tx, name string, e *storagev1.ElectionRecord, next *candidate) {
	e.ChangedRevision = int64(tx.NextRevision())
	disown(tx, e.LeaseId, ownedTerm, nameColumn(name))
	retireTicket(tx, e.Ticket)
	term := e.Term
	e.LeaseId, e.Term, e.Value, e.Card, e.Priority, e.Ticket = 0, 0, nil, nil, 0, 0

	if next != nil {
		leaveElection(tx, name, e, next)
		beginTerm(tx, name, e, next)
		if planted.Bug == planted.TermReused {
			// mutant_23 (a term that counts elections, not leaders): a leader and who
			// comes after it have one term, and both pass its guard.
			e.Term = term
		}
		closeTicket(tx, next.ticket, &storagev1.TicketRecord{
			Outcome: logv1.TicketOutcome_TICKET_OUTCOME_GRANTED,
			Token:   e.Term,
		})
	}
	saveElection(tx, name, e)
	emitElection(tx, name, e)
}

// loseTerm ends the term of a session that ends.
func loseTerm(tx Tx, name string, leaseID int64, cause string) {
	e := loadElection(tx, name)
	if e.LeaseId != leaseID {
		panic(fmt.Sprintf("recipes: lease %d owns the term of election %q, which lease %d leads", leaseID, name, e.LeaseId))
	}
	emitLostTerm(tx, name, e, cause, "", "")
	endTerm(tx, name, e, firstCandidate(tx, name, e))
}

// successor finds who leads next: the first candidate with an identity, or the
// first of all when none is named; nil when nobody waits.
func successor(r Reader, name string, e *storagev1.ElectionRecord, to string) (*candidate, *logv1.Refusal) {
	if to == "" {
		return firstCandidate(r, name, e), nil
	}
	var found *candidate
	left := candidateSearch
	scanCandidates(r, name, func(c *candidate) bool {
		if c.Card.GetIdentity() == to && leaseExists(r, c.LeaseId) {
			found = c
		}
		left--
		return found == nil && left > 0
	})
	if found == nil {
		return nil, refuse(logv1.Reason_REASON_CANDIDATE_NOT_FOUND, "no candidate is called %q", to)
	}
	return found, nil
}

// firstCandidate returns the first in line whose session is alive, nil when
// there is none. One that is not alive cannot come back: it stays in line only
// until the command that ends it.
func firstCandidate(r Reader, name string, e *storagev1.ElectionRecord) (first *candidate) {
	if e.Waiting == 0 {
		return nil
	}
	scanCandidates(r, name, func(c *candidate) bool {
		if leaseExists(r, c.LeaseId) {
			first = c
		}
		return first == nil
	})
	return first
}

// candidatePosition tells a new candidate's place. The last in line has the
// number of all who wait; otherwise the ones ahead are counted, up to a bound.
func candidatePosition(r Reader, name string, e *storagev1.ElectionRecord, c *candidate) int64 {
	own := candidateKey(r, name, c.priority, c.ticket)
	behind := false
	r.Scan(keys.After(own), keys.After(candidateLine(r, name)), func(_, _ []byte) bool {
		behind = true
		return false
	})
	if !behind {
		return e.Waiting
	}
	position := int64(1)
	r.Scan(candidateLine(r, name), own, func(_, _ []byte) bool {
		position++
		return position < candidateSearch
	})
	return position
}

// scanCandidates visits candidates in the order of the line.
func scanCandidates(r Reader, name string, visit func(*candidate) bool) {
	line := candidateLine(r, name)
	r.Scan(line, keys.After(line), func(key, value []byte) bool {
		inverted, rest, err := keys.ReadU32(key[len(line):])
		if err != nil {
			panic(fmt.Sprintf("recipes: candidate key %x: %v", key, err))
		}
		ticket, _, err := keys.ReadI64(rest)
		if err != nil {
			panic(fmt.Sprintf("recipes: candidate key %x: %v", key, err))
		}
		c := &candidate{
			priority:        int32(^inverted ^ 1<<31),
			ticket:          ticket,
			CandidateRecord: &storagev1.CandidateRecord{},
		}
		decode(key, value, c.CandidateRecord)
		return visit(c)
	})
}
