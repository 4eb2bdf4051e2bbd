package conclave

import (
	"context"
	"errors"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Term is the time for which this session leads an election.
type Term struct {
	tenure
	election *Candidacy
}

// Number is the fencing token of the term: greater than those of all terms
// before it.
func (t *Term) Number() Token { return t.grant.key.token }

// Guard makes a transaction fail with ErrGuardFailed unless this term goes on.
func (t *Term) Guard() Guard { return ElectionGuard(t.election.name, t.Number()) }

// Proclaim changes the value that observers see. It fails with ErrStaleToken
// when the term has ended.
func (t *Term) Proclaim(ctx context.Context, value string) error {
	if err := t.grant.err(); err != nil {
		return during(err, "proclaim in election %q", t.election.name)
	}
	return t.election.Proclaim(ctx, t.Number(), value)
}

// ResignOption changes who leads next.
type ResignOption interface {
	applyResign(*conclavev1.ResignRequest)
}

type resignOptionFunc func(*conclavev1.ResignRequest)

func (f resignOptionFunc) applyResign(req *conclavev1.ResignRequest) { f(req) }

// ResignTo lets the candidate with that identity lead next. When nobody of that
// identity stands, Term.Resign lets the first candidate lead and still fails
// with ErrCandidateNotFound; Election.Resign changes nothing then. Default: the
// first candidate.
func ResignTo(identity string) ResignOption {
	return resignOptionFunc(func(req *conclavev1.ResignRequest) { req.To = identity })
}

// Resign ends the term's context and then the term; the next candidate leads in
// the same commit. A term that was lost is not resigned: Resign returns the loss
// then. Resigning twice does nothing. If ctx ends before the service has
// answered, Resign goes on in the background.
func (t *Term) Resign(ctx context.Context, opts ...ResignOption) error {
	c := t.session.client
	err := t.finish(ctx, func(ctx context.Context, id *requestID) error {
		req := resignRequest(t.election.name, t.Number(), opts)
		req.Namespace = c.where()
		_, err := mutateAs(ctx, c, id, (*services).Resign, req, &req.RequestId)
		if errors.Is(err, ErrCandidateNotFound) {
			// The term is over here already, so it must not go on there.
			err = errors.Join(err, t.election.Election.Resign(ctx, t.Number()))
		}
		return err
	})
	return during(err, "resign from election %q", t.election.name)
}

func resignRequest(name string, term Token, opts []ResignOption) *conclavev1.ResignRequest {
	req := &conclavev1.ResignRequest{Name: name, Term: int64(term)}
	for _, opt := range opts {
		opt.applyResign(req)
	}
	return req
}
