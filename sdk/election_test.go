package conclave_test

import (
	"context"
	"errors"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

func TestElection(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	a := open(t, c, conclave.WithIdentity("a"))
	b := open(t, c, conclave.WithIdentity("b"))
	d := open(t, c, conclave.WithIdentity("d"))

	if _, err := c.Election("e").Leader(ctx); !errors.Is(err, conclave.ErrNoLeader) {
		t.Errorf("before the first campaign: %v", err)
	}
	first, err := a.Election("e").Campaign(ctx, "10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	terms := make(chan *conclave.Term, 2)
	for i, s := range []*conclave.Session{b, d} {
		go func() {
			term, err := s.Election("e").Campaign(ctx, "standby")
			if err != nil {
				t.Error(err)
			}
			terms <- term
		}()
		waitFor(t, func() bool {
			info, err := c.Election("e").Info(ctx)
			return err == nil && info.Waiting == int64(i+1)
		})
	}
	if err := first.Proclaim(ctx, "10.0.0.1:81"); err != nil {
		t.Error(err)
	}
	leader, err := c.Election("e").Leader(ctx)
	if err != nil || string(leader.Value) != "10.0.0.1:81" || leader.Term != first.Number() || leader.Card.Identity != "a" {
		t.Errorf("leader %+v, %v", leader, err)
	}

	if err := first.Resign(ctx, conclave.ResignTo("d")); err != nil {
		t.Fatal(err)
	}
	second := <-terms
	leader, err = c.Election("e").Leader(ctx)
	if err != nil || leader.Card.Identity != "d" || leader.Term != second.Number() || second.Number() <= first.Number() {
		t.Errorf("leader %+v, %v", leader, err)
	}
	if err := first.Proclaim(ctx, "late"); !errors.Is(err, conclave.ErrReleased) {
		t.Errorf("proclaiming after resigning: %v", err)
	}
	if _, err := c.Put(ctx, "elected", "x", first.Guard()); !errors.Is(err, conclave.ErrGuardFailed) {
		t.Errorf("a write of the old term: %v", err)
	}
	if _, err := c.Put(ctx, "elected", "x", second.Guard()); err != nil {
		t.Errorf("a write of the new term: %v", err)
	}

	next, err := c.Election("e").HandOver(ctx, "", "too slow", "ann")
	if err != nil {
		t.Fatal(err)
	}
	cause := ended(t, second.Context())
	if e, ok := errors.AsType[*conclave.Error](cause); !ok || e.Actor != "ann" || !errors.Is(cause, conclave.ErrBroken) {
		t.Errorf("the term ended because of %v", cause)
	}
	if third := <-terms; third.Number() != next {
		t.Errorf("term %d, want %d", third.Number(), next)
	}
}

func TestResignToNobody(t *testing.T) {
	c := alone(t)
	term, err := open(t, c).Election("nobody").Campaign(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := term.Resign(t.Context(), conclave.ResignTo("who")); !errors.Is(err, conclave.ErrCandidateNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := c.Election("nobody").Leader(t.Context()); !errors.Is(err, conclave.ErrNoLeader) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestLead(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	failed := errors.New("failed")
	err := s.Election("lead").Lead(t.Context(), "me", func(ctx context.Context, term *conclave.Term) error {
		if _, err := s.Election("lead").Campaign(ctx, "me too"); !errors.Is(err, conclave.ErrAlreadyHeld) {
			t.Errorf("campaigning while leading: %v", err)
		}
		return failed
	})
	if err != failed {
		t.Errorf("%v", err)
	}
	if _, err := c.Election("lead").Leader(t.Context()); !errors.Is(err, conclave.ErrNoLeader) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestObserve(t *testing.T) {
	c := alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := open(t, c)
	var term *conclave.Term
	var seen []string
	for leader, err := range c.Election("observe").Observe(ctx) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			break
		}
		seen = append(seen, string(leader.Value))
		switch len(seen) {
		case 1:
			if leader.Term != 0 {
				t.Errorf("somebody leads: %+v", leader)
			}
			if term, err = s.Election("observe").Campaign(ctx, "one"); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := term.Proclaim(ctx, "two"); err != nil {
				t.Fatal(err)
			}
		case 3:
			if err := term.Resign(ctx); err != nil {
				t.Fatal(err)
			}
		case 4:
			cancel()
		}
	}
	if len(seen) != 4 || seen[1] != "one" || seen[2] != "two" || seen[3] != "" {
		t.Errorf("%q", seen)
	}
}
