package main

import (
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// mutexJSON is a mutex for programs.
type mutexJSON struct {
	Name       string       `json:"name"`
	Hold       *holdJSON    `json:"hold,omitempty"`
	Waiting    int64        `json:"waiting"`
	Waiters    []waiterJSON `json:"waiters,omitempty"`
	DelayedFor span         `json:"delayed_for,omitempty"`
	LastBreak  *breakJSON   `json:"last_break,omitempty"`
}

type holdJSON struct {
	Token     conclave.Token   `json:"token"`
	Lease     conclave.LeaseID `json:"lease_id"`
	Count     int64            `json:"count"`
	Holder    *cardJSON        `json:"holder"`
	ExpiresIn span             `json:"expires_in"`
}

type waiterJSON struct {
	Position int64            `json:"position"`
	Lease    conclave.LeaseID `json:"lease_id"`
	Waiter   *cardJSON        `json:"waiter"`
}

type breakJSON struct {
	Token  conclave.Token `json:"token"`
	Actor  string         `json:"actor,omitempty"`
	Reason string         `json:"reason"`
	At     time.Time      `json:"at"`
	Holder *cardJSON      `json:"holder"`
}

func mutexView(m *conclave.MutexInfo) mutexJSON {
	view := mutexJSON{Name: m.Name, Waiting: m.Waiting, DelayedFor: span(m.DelayedFor)}
	if m.Hold != nil {
		view.Hold = &holdJSON{m.Hold.Token, m.Hold.Lease, m.Hold.Count, cardView(&m.Hold.Card), span(m.Hold.ExpiresIn)}
	}
	for _, w := range m.Waiters {
		view.Waiters = append(view.Waiters, waiterJSON{w.Position, w.Lease, cardView(&w.Card)})
	}
	if b := m.LastBreak; b != nil {
		view.LastBreak = &breakJSON{b.Token, b.Actor, b.Reason, b.At, cardView(&b.Holder)}
	}
	return view
}
