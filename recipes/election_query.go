package recipes

import (
	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// GetElection answers who leads and who would lead next. A name that nobody
// uses is an election that nobody leads.
func GetElection(r Reader, q *logv1.GetElection) (*logv1.GetElectionResult, *logv1.Refusal) {
	info := electionInfo(r, q.GetName(), loadElection(r, q.GetName()))
	if q.GetCandidates() <= 0 {
		return &logv1.GetElectionResult{Election: info}, nil
	}
	page := newPage(q.GetCandidates())
	scanCandidates(r, q.GetName(), func(c *candidate) bool {
		if !page.take() {
			return false
		}
		info.Candidates = append(info.Candidates, &logv1.Candidate{
			Ticket:   c.ticket,
			LeaseId:  c.LeaseId,
			Priority: c.priority,
			Value:    c.Value,
			Card:     c.Card,
			Position: int64(len(info.Candidates)) + 1,
		})
		return true
	})
	return &logv1.GetElectionResult{Election: info}, nil
}

// ListElections answers which elections have a leader, by name.
func ListElections(r Reader, q *logv1.ListElections) (*logv1.ListElectionsResult, *logv1.Refusal) {
	page := newPage(q.GetLimit())
	result := &logv1.ListElectionsResult{}
	scanNames(r, keys.Election, q.GetPrefix(), q.GetAfter(), func(name string, key, value []byte) bool {
		e := &storagev1.ElectionRecord{}
		decode(key, value, e)
		if nobodyLeads(e) {
			return true
		}
		if !page.take() {
			result.More = true
			return false
		}
		result.Elections = append(result.Elections, electionInfo(r, name, e))
		return true
	})
	return result, nil
}

func electionInfo(r Reader, name string, e *storagev1.ElectionRecord) *logv1.ElectionInfo {
	return &logv1.ElectionInfo{
		Name:               name,
		Leader:             leaderOf(r, e),
		Waiting:            e.Waiting,
		LastHandOverReason: e.HandOverReason,
		LastHandOverActor:  e.HandOverActor,
	}
}

// leaderOf shows who leads, nil when nobody does.
func leaderOf(r Reader, e *storagev1.ElectionRecord) *logv1.Leader {
	if nobodyLeads(e) {
		return nil
	}
	return &logv1.Leader{
		Term:        e.Term,
		LeaseId:     e.LeaseId,
		Value:       e.Value,
		Card:        e.Card,
		ExpiresInMs: expiresIn(r, e.LeaseId),
		Priority:    e.Priority,
		Revision:    e.ChangedRevision,
	}
}

// emitElection tells who leads now, and with which value.
func emitElection(tx Tx, name string, e *storagev1.ElectionRecord) {
	tx.Emit(&logv1.Event{Body: &logv1.Event_Election{Election: &logv1.ElectionEvent{
		Name: name, Leader: leaderOf(tx, e),
	}}})
}

// emitLostTerm tells a leader that its term has ended without its doing.
func emitLostTerm(tx Tx, name string, e *storagev1.ElectionRecord, cause, reason, actor string) {
	tx.Emit(&logv1.Event{Body: &logv1.Event_Lost{Lost: &logv1.LostEvent{
		Kind:    logv1.LostEvent_KIND_ELECTION,
		Name:    name,
		Token:   e.Term,
		LeaseId: e.LeaseId,
		Cause:   cause,
		Reason:  reason,
		Actor:   actor,
	}}})
}
