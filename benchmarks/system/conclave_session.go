package system

import (
	"context"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

type conclaveSession struct{ s *conclave.Session }

func (s conclaveClient) Session(ctx context.Context, ttl time.Duration) (Session, error) {
	session, err := s.c.NewSession(ctx, conclave.WithTTL(ttl))
	if err != nil {
		return nil, err
	}
	return conclaveSession{session}, nil
}

func (s conclaveSession) Lock(ctx context.Context, name string) (Release, error) {
	hold, err := s.s.Mutex(name).Lock(ctx)
	if err != nil {
		return nil, err
	}
	return hold.Unlock, nil
}

func (s conclaveSession) Campaign(ctx context.Context, name string) (Release, error) {
	term, err := s.s.Election(name).Campaign(ctx, "candidate")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return term.Resign(ctx) }, nil
}

// Work claims and acknowledges each job: a worker that dies loses none.
func (s conclaveSession) Work(ctx context.Context, queue string, done func(string) bool) error {
	for job, err := range s.s.Queue(queue).Jobs(ctx) {
		if err != nil {
			return err
		}
		if err := job.Ack(ctx); err != nil {
			return err
		}
		if !done(string(job.Body)) {
			return nil
		}
	}
	return ctx.Err()
}

func (s conclaveSession) Lost() <-chan struct{} { return s.s.Context().Done() }

func (s conclaveSession) Close(ctx context.Context) error { return s.s.Close(ctx) }
