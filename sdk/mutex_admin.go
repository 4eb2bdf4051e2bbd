package conclave

import (
	"context"
	"iter"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// pageSize is how much a page of a listing holds.
const pageSize = 1000

// MutexInfo is a mutex as a human sees it.
type MutexInfo struct {
	Name string
	// Hold is nil when nobody holds it.
	Hold *HoldInfo
	// Waiters are the first in line, Waiting is how long the line is.
	Waiters []Waiter
	Waiting int64
	// DelayedFor is what is left of a lock-delay.
	DelayedFor time.Duration
	// LastBreak is nil when it was not broken in the last day.
	LastBreak *BreakInfo
}

// HoldInfo is a hold as a human sees it.
type HoldInfo struct {
	Token Token
	Lease LeaseID
	// Count is how often the session holds it.
	Count int64
	Card  Card
	// ExpiresIn is when the session ends unless it is renewed.
	ExpiresIn time.Duration
}

// Waiter is a place in line.
type Waiter struct {
	// Position counts from 1.
	Position int64
	Lease    LeaseID
	// Since what revision it waits.
	Since Revision
	Card  Card
}

// BreakInfo is the record of a forced break.
type BreakInfo struct {
	Token         Token
	Actor, Reason string
	At            time.Time
	// Holder is who lost it.
	Holder Card
}

// GetMutex shows a mutex with the first hundred waiters. A mutex that nobody
// ever locked is free, not an error.
func (c *Client) GetMutex(ctx context.Context, name string) (*MutexInfo, error) {
	res, err := read(ctx, c, (*services).GetMutex, &conclavev1.GetMutexRequest{Namespace: c.where(), Name: name})
	if err != nil {
		return nil, during(err, "get mutex %q", name)
	}
	return mutexFrom(res.GetMutex()), nil
}

// Mutexes goes through the mutexes that are held or waited for and whose names
// start with prefix, by name, page by page.
func (c *Client) Mutexes(ctx context.Context, prefix string) iter.Seq2[*MutexInfo, error] {
	return func(yield func(*MutexInfo, error) bool) {
		after := ""
		for {
			res, err := read(ctx, c, (*services).ListMutexes, &conclavev1.ListMutexesRequest{
				Namespace: c.where(),
				Prefix:    prefix,
				After:     after,
				Limit:     pageSize,
			})
			if err != nil {
				yield(nil, during(err, "list mutexes"))
				return
			}
			for _, mutex := range res.GetMutexes() {
				after = mutex.GetName()
				if !yield(mutexFrom(mutex), nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}

// BreakOption changes what BreakMutex breaks.
type BreakOption interface {
	applyBreak(*conclavev1.BreakMutexRequest)
}

type breakOptionFunc func(*conclavev1.BreakMutexRequest)

func (f breakOptionFunc) applyBreak(req *conclavev1.BreakMutexRequest) { f(req) }

// OnlyToken breaks the hold with this token or nothing: the next holder does not
// suffer for what the last one did. BreakMutex fails with ErrStaleToken or
// ErrNotHeld when that hold is over.
func OnlyToken(token Token) BreakOption {
	return breakOptionFunc(func(req *conclavev1.BreakMutexRequest) { req.Token = int64(token) })
}

// BreakMutex takes a mutex from its holder by force, whoever that is, unless
// OnlyToken says who. reason is required; the holder's context ends with it, and
// it stays on record together with actor. It returns the token that was broken.
func (c *Client) BreakMutex(ctx context.Context, name, reason, actor string, opts ...BreakOption) (*BreakInfo, error) {
	req := &conclavev1.BreakMutexRequest{Namespace: c.where(), Name: name, Reason: reason, Actor: actor}
	for _, opt := range opts {
		opt.applyBreak(req)
	}
	res, err := mutate(ctx, c, (*services).BreakMutex, req, &req.RequestId)
	if err != nil {
		return nil, during(err, "break mutex %q", name)
	}
	return &BreakInfo{
		Token:  Token(res.GetBrokenToken()),
		Actor:  actor,
		Reason: reason,
		Holder: cardFrom(res.GetHolder()),
	}, nil
}

// ReleaseMutex gives a mutex back by its token, for a program that has no Hold
// for it, e.g. because another process took it. It fails with ErrStaleToken or
// ErrNotHeld when the token is not the current one.
func (c *Client) ReleaseMutex(ctx context.Context, name string, token Token) error {
	req := &conclavev1.ReleaseMutexRequest{Namespace: c.where(), Name: name, Token: int64(token)}
	_, err := mutate(ctx, c, (*services).ReleaseMutex, req, &req.RequestId)
	return during(err, "unlock mutex %q", name)
}

func mutexFrom(m *conclavev1.Mutex) *MutexInfo {
	info := &MutexInfo{
		Name:       m.GetName(),
		Waiters:    each(m.GetWaiters(), waiterFrom),
		Waiting:    m.GetWaiting(),
		DelayedFor: m.GetDelayedFor().AsDuration(),
	}
	if hold := m.GetHold(); hold != nil {
		info.Hold = &HoldInfo{
			Token:     Token(hold.GetToken()),
			Lease:     LeaseID(hold.GetLeaseId()),
			Count:     hold.GetCount(),
			Card:      cardFrom(hold.GetCard()),
			ExpiresIn: hold.GetExpiresIn().AsDuration(),
		}
	}
	if broken := m.GetLastBreak(); broken != nil {
		info.LastBreak = &BreakInfo{
			Token:  Token(broken.GetToken()),
			Actor:  broken.GetActor(),
			Reason: broken.GetReason(),
			At:     broken.GetAt().AsTime(),
			Holder: cardFrom(broken.GetHolder()),
		}
	}
	return info
}

func waiterFrom(w *conclavev1.MutexWaiter) Waiter {
	return Waiter{
		Position: w.GetPosition(),
		Lease:    LeaseID(w.GetLeaseId()),
		Since:    Revision(w.GetTicket()),
		Card:     cardFrom(w.GetCard()),
	}
}
