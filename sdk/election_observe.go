package conclave

import (
	"context"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Election is an election as seen by anybody. To stand for it, use
// Session.Election.
type Election struct {
	client *Client
	name   string
}

// Election names an election; nothing is sent.
func (c *Client) Election(name string) *Election {
	return &Election{client: c, name: name}
}

// Name is the name of the election.
func (e *Election) Name() string { return e.name }

// Leader is who leads.
type Leader struct {
	// Term is the number of the term. 0: nobody leads.
	Term     Token
	Lease    LeaseID
	Value    []byte
	Priority int
	Card     Card
	// ExpiresIn is when the session ends unless it is renewed.
	ExpiresIn time.Duration
	// Revision is that of the last change of leader or value.
	Revision Revision
}

// Candidate waits to lead.
type Candidate struct {
	// Position counts from 1.
	Position int64
	Lease    LeaseID
	Priority int
	Value    []byte
	// Since what revision it stands.
	Since Revision
	Card  Card
}

// ElectionInfo is an election as a human sees it.
type ElectionInfo struct {
	Name string
	// Leader is nil when nobody leads.
	Leader *Leader
	// Candidates are the first in line, Waiting is how long the line is.
	Candidates []Candidate
	Waiting    int64
	// The record of the last hand-over by an administrator.
	HandOverReason, HandOverActor string
}

// Leader asks who leads. It fails with ErrNoLeader when nobody does.
func (e *Election) Leader(ctx context.Context) (*Leader, error) {
	info, err := e.Info(ctx)
	if err != nil {
		return nil, err
	}
	if info.Leader == nil {
		return nil, &Error{Op: "get the leader of election \"" + e.name + "\"", Reason: reasonNoLeader, Message: "nobody leads"}
	}
	return info.Leader, nil
}

// Info shows the leader and the first hundred candidates.
func (e *Election) Info(ctx context.Context) (*ElectionInfo, error) {
	res, err := read(ctx, e.client, (*services).GetElection, &conclavev1.GetElectionRequest{
		Namespace: e.client.where(),
		Name:      e.name,
	})
	if err != nil {
		return nil, during(err, "get election %q", e.name)
	}
	return electionFrom(res.GetElection()), nil
}

// Observe tells who leads: first the current leader, then each change of leader
// or value. A Leader with Term 0 says that nobody leads. After a reconnect it
// goes on with the leader of that moment, so terms in between may be left out.
// What an observer was told may be over by now:
// only a guard proves that a term is current.
func (e *Election) Observe(ctx context.Context) iter.Seq2[Leader, error] {
	return func(yield func(Leader, error) bool) {
		seen, told := int64(0), (*conclavev1.Leader)(nil)
		open := func() *conclavev1.ObserveElectionRequest {
			return &conclavev1.ObserveElectionRequest{Namespace: e.client.where(), Name: e.name}
		}
		err := follow(ctx, e.client, (*services).ObserveElection, open, func(res *conclavev1.ObserveElectionResponse) bool {
			if res.GetRevision() < seen {
				return true // the new node is behind the old one
			}
			first := seen == 0
			seen = res.GetRevision()
			if now := res.GetLeader(); first || now.GetTerm() != told.GetTerm() || !proto.Equal(now.GetValue(), told.GetValue()) {
				told = now
				return yield(leaderFrom(now), nil)
			}
			return true // the beginning of another stream
		})
		if err != nil {
			yield(Leader{}, during(err, "observe election %q", e.name))
		}
	}
}

func leaderFrom(l *conclavev1.Leader) Leader {
	return Leader{
		Term:      Token(l.GetTerm()),
		Lease:     LeaseID(l.GetLeaseId()),
		Value:     valueBytes(l.GetValue()),
		Priority:  int(l.GetPriority()),
		Card:      cardFrom(l.GetCard()),
		ExpiresIn: l.GetExpiresIn().AsDuration(),
		Revision:  Revision(l.GetRevision()),
	}
}

func electionFrom(e *conclavev1.Election) *ElectionInfo {
	info := &ElectionInfo{
		Name:           e.GetName(),
		Candidates:     each(e.GetCandidates(), candidateFrom),
		Waiting:        e.GetWaiting(),
		HandOverReason: e.GetLastHandOverReason(),
		HandOverActor:  e.GetLastHandOverActor(),
	}
	if e.GetLeader() != nil {
		leader := leaderFrom(e.GetLeader())
		info.Leader = &leader
	}
	return info
}

func candidateFrom(c *conclavev1.Candidate) Candidate {
	return Candidate{
		Position: c.GetPosition(),
		Lease:    LeaseID(c.GetLeaseId()),
		Priority: int(c.GetPriority()),
		Value:    valueBytes(c.GetValue()),
		Since:    Revision(c.GetTicket()),
		Card:     cardFrom(c.GetCard()),
	}
}
