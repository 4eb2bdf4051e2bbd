package conclave

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Revision numbers the committed changes of a namespace.
type Revision int64

// Token is a fencing token: the revision of a grant. A later grant in the same
// namespace always has a greater one. Terms of elections and receipts of jobs
// are tokens too. Tokens stay below 2^53.
type Token int64

// LeaseID names a lease, and thereby a session. 0 is none.
type LeaseID int64

// JobID names a job within its queue's namespace.
type JobID uint64

// String gives the number in decimal.
func (r Revision) String() string { return strconv.FormatInt(int64(r), 10) }

// String gives the number in decimal.
func (t Token) String() string { return strconv.FormatInt(int64(t), 10) }

// String gives the number in decimal.
func (id LeaseID) String() string { return strconv.FormatInt(int64(id), 10) }

// String gives the number in decimal.
func (id JobID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Card says to a human who stands behind a session, a hold, a place in line or
// a claim.
type Card struct {
	// Identity is who it is, e.g. "worker-7".
	Identity string
	// Host and PID are where it runs.
	Host string
	PID  int64
	// Purpose is what it is for, e.g. "invoice run 2026-11".
	Purpose string
	// Since is when the service recorded it, by the wall clock of a node.
	Since time.Time
	// Labels are what the session was given with WithLabels.
	Labels map[string]string
}

// String is one line for a log or a table.
func (c Card) String() string {
	text := c.Identity
	if text == "" {
		text = "somebody"
	}
	if c.Host != "" {
		text += " on " + c.Host
	}
	if c.PID != 0 {
		text += " (pid " + strconv.FormatInt(c.PID, 10) + ")"
	}
	if c.Purpose != "" {
		text += " for " + strconv.Quote(c.Purpose)
	}
	return text
}

func cardFrom(c *conclavev1.Card) Card {
	card := Card{
		Identity: c.GetIdentity(),
		Host:     c.GetHost(),
		PID:      c.GetPid(),
		Purpose:  c.GetPurpose(),
		Labels:   c.GetLabels(),
	}
	if c.GetSince() != nil {
		card.Since = c.GetSince().AsTime()
	}
	return card
}

// optional leaves a duration out that was not given.
func optional(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// each translates a list.
func each[From, To any](list []From, translate func(From) To) []To {
	if len(list) == 0 {
		return nil
	}
	out := make([]To, len(list))
	for i, item := range list {
		out[i] = translate(item)
	}
	return out
}
