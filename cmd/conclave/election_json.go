package main

import conclave "github.com/conclavehq/conclave/sdk"

// electionJSON is an election for programs.
type electionJSON struct {
	Name           string          `json:"name"`
	Leader         *leaderJSON     `json:"leader"`
	Waiting        int64           `json:"waiting"`
	Candidates     []candidateJSON `json:"candidates,omitempty"`
	HandOverReason string          `json:"last_hand_over_reason,omitempty"`
	HandOverActor  string          `json:"last_hand_over_actor,omitempty"`
}

type leaderJSON struct {
	Term      conclave.Token    `json:"term"`
	Value     text              `json:"value"`
	Leader    *cardJSON         `json:"leader"`
	Lease     conclave.LeaseID  `json:"lease_id"`
	Priority  int               `json:"priority"`
	ExpiresIn span              `json:"expires_in"`
	Revision  conclave.Revision `json:"revision"`
}

type candidateJSON struct {
	Position  int64            `json:"position"`
	Candidate *cardJSON        `json:"candidate"`
	Value     text             `json:"value"`
	Priority  int              `json:"priority"`
	Lease     conclave.LeaseID `json:"lease_id"`
}

func electionView(e *conclave.ElectionInfo) electionJSON {
	view := electionJSON{
		Name: e.Name, Leader: leaderView(e.Leader), Waiting: e.Waiting,
		HandOverReason: e.HandOverReason, HandOverActor: e.HandOverActor,
	}
	for _, c := range e.Candidates {
		view.Candidates = append(view.Candidates, candidateJSON{c.Position, cardView(&c.Card), text(c.Value), c.Priority, c.Lease})
	}
	return view
}

// leaderView is nil when nobody leads.
func leaderView(l *conclave.Leader) *leaderJSON {
	if l == nil || l.Term == 0 {
		return nil
	}
	return &leaderJSON{l.Term, text(l.Value), cardView(&l.Card), l.Lease, l.Priority, span(l.ExpiresIn), l.Revision}
}
