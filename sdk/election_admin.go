package conclave

import (
	"context"
	"iter"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Proclaim changes the value of a term, for a program that has no Term for it.
// It fails with ErrStaleToken when the term is not the current one.
func (e *Election) Proclaim(ctx context.Context, term Token, value string) error {
	req := &conclavev1.ProclaimRequest{
		Namespace: e.client.where(),
		Name:      e.name,
		Term:      int64(term),
		Value:     textValue(value),
	}
	_, err := mutate(ctx, e.client, (*services).Proclaim, req, &req.RequestId)
	return during(err, "proclaim in election %q", e.name)
}

// Resign ends a term, for a program that has no Term for it. It fails with
// ErrStaleToken when the term is not the current one.
func (e *Election) Resign(ctx context.Context, term Token, opts ...ResignOption) error {
	req := resignRequest(e.name, term, opts)
	req.Namespace = e.client.where()
	_, err := mutate(ctx, e.client, (*services).Resign, req, &req.RequestId)
	return during(err, "resign from election %q", e.name)
}

// HandOver ends the current term by force. to is the identity of the candidate
// that shall lead next, empty for the first one. reason is required; the
// leader's context ends with it, and it stays on record together with actor. It
// returns the number of the next term, 0 if nobody stands.
func (e *Election) HandOver(ctx context.Context, to, reason, actor string) (next Token, err error) {
	req := &conclavev1.HandOverRequest{
		Namespace: e.client.where(),
		Name:      e.name,
		To:        to,
		Reason:    reason,
		Actor:     actor,
	}
	res, err := mutate(ctx, e.client, (*services).HandOver, req, &req.RequestId)
	if err != nil {
		return 0, during(err, "hand over election %q", e.name)
	}
	return Token(res.GetNextTerm()), nil
}

// Elections goes through the elections that have a leader or candidates and
// whose names start with prefix, by name, page by page.
func (c *Client) Elections(ctx context.Context, prefix string) iter.Seq2[*ElectionInfo, error] {
	return func(yield func(*ElectionInfo, error) bool) {
		after := ""
		for {
			res, err := read(ctx, c, (*services).ListElections, &conclavev1.ListElectionsRequest{
				Namespace: c.where(),
				Prefix:    prefix,
				After:     after,
				Limit:     pageSize,
			})
			if err != nil {
				yield(nil, during(err, "list elections"))
				return
			}
			for _, election := range res.GetElections() {
				after = election.GetName()
				if !yield(electionFrom(election), nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}
