package conclave

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Session is a lease that renews itself, and the owner of everything that is
// held, waited for, claimed and registered through it. See the package comment
// for how it ends.
//
// A session counts as one holder: two goroutines that lock the same name
// through one session do not wait for each other, the second one gets
// ErrAlreadyHeld. Sessions are cheap, so give each worker its own.
type Session struct {
	client *Client
	id     LeaseID
	ttl    time.Duration
	card   *conclavev1.Card

	ctx      context.Context // a liveContext: ends at hold-until
	deadline *deadline
	keeper   *keeper
	grants   grants
	losses   sync.Once // starts watchLosses
	claims   claimKeeper

	mu       sync.Mutex // protects what follows
	closing  bool
	settling map[settleKey]chan struct{} // closed when an abandoned wait is over
	tasks    sync.WaitGroup              // what runs for the session
}

// NewSession grants a lease and begins to renew it. ctx bounds the grant, not
// the session: that ends with Close, with Client.Close, or when it is lost.
func (c *Client) NewSession(ctx context.Context, opts ...SessionOption) (*Session, error) {
	cfg := newSessionConfig(opts)
	for {
		// The deadline counts from the first attempt: a later one may only
		// bring the answer of the first.
		sent := now()
		req := &conclavev1.GrantLeaseRequest{
			Namespace: c.where(),
			Ttl:       durationpb.New(cfg.ttl),
			LeaseId:   int64(cfg.id),
			Card:      cfg.card,
		}
		res, err := mutate(ctx, c, (*services).GrantLease, req, &req.RequestId)
		if err != nil {
			return nil, during(err, "open a session")
		}
		s, err := c.newSession(LeaseID(res.GetLeaseId()), sent, res.GetTtl().AsDuration(), cfg)
		if err != nil {
			return nil, err
		}
		if s.ctx.Err() == nil {
			return s, nil
		}
		// The answer took longer than the lease lasts. Try with a new one.
		s.join()
		if cfg.id != 0 {
			return nil, during(s.err(), "open session %d", cfg.id)
		}
	}
}

// AttachSession takes over a lease that exists, such as one that another
// process left with Detach, and begins to renew it. Options other than
// WithIdentity, WithPurpose and WithLabels have no effect. It fails with
// ErrLeaseNotFound when there is no such lease.
func (c *Client) AttachSession(ctx context.Context, id LeaseID, opts ...SessionOption) (*Session, error) {
	cfg := newSessionConfig(opts)
	sent := now()
	ttl, err := c.RenewLease(ctx, id)
	if err != nil {
		return nil, during(err, "attach to session %d", id)
	}
	return c.newSession(id, sent, ttl, cfg)
}

func (c *Client) newSession(id LeaseID, sent stamp, ttl time.Duration, cfg *sessionConfig) (*Session, error) {
	s := &Session{client: c, id: id, ttl: ttl, card: cfg.card}
	s.deadline, s.ctx = newDeadline(c.ctx, sent, ttl, func() error {
		c.log.Warn("session expired: no renewal was acknowledged in time", "session", id, "ttl", ttl)
		return &Error{Reason: reasonSessionExpired, Message: "no renewal of the session was acknowledged in time"}
	})
	s.keeper = newKeeper(s.deadline, ttl, c.log.With("session", id), s.renew)
	s.claims.session = s

	if !s.start(func() { s.keeper.run(s.ctx) }) {
		s.deadline.stop(ErrSessionClosed)
		return nil, context.Cause(c.ctx)
	}
	return s, nil
}

// ID is the session's lease, e.g. for keys that are to live as long as it.
func (s *Session) ID() LeaseID { return s.id }

// TTL is how long the service keeps the session without a renewal.
func (s *Session) TTL() time.Duration { return s.ttl }

// Context ends with the session; context.Cause says why. It ends before the
// service can give anything that the session holds to somebody else. When somebody
// else revokes the session, that is told at once if it holds or held something, and
// otherwise by the next renewal, a third of the TTL later at most.
func (s *Session) Context() context.Context { return s.ctx }

// Left is how long the session lasts if no further renewal is acknowledged.
func (s *Session) Left() time.Duration { return s.deadline.left() }

// Close ends the session: its contexts first, then, in one commit, its lease
// and everything that it owns. An error says that the service could not be
// told; all is free when the TTL has passed then. When ctx is over already, the
// service is told all the same, for at most 5 s. Closing a session that is over
// does nothing.
func (s *Session) Close(ctx context.Context) error {
	if !s.end("the session is closed") {
		return nil
	}
	if ctx.Err() != nil { // maybe just now, as that of a hold
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), leavePatience)
		defer cancel()
	}
	req := &conclavev1.RevokeLeaseRequest{
		Namespace: s.client.where(),
		LeaseId:   int64(s.id),
		Reason:    "closed by its owner",
	}
	_, err := mutate(ctx, s.client, (*services).RevokeLease, req, &req.RequestId)
	if err != nil && !isReason(err, reasonLeaseNotFound) {
		return during(err, "close session %d", s.id)
	}
	return nil
}

// Detach ends the session here without ending its lease: what it owns stays
// with it until the TTL has passed, or until AttachSession takes it over.
func (s *Session) Detach() { s.end("the session is detached") }

// end stops everything that runs for the session. It reports false when the
// session was over before.
func (s *Session) end(message string) bool {
	live := s.ctx.Err() == nil
	s.deadline.stop(&Error{Reason: reasonSessionClosed, Message: message})
	s.join()
	return live
}

// join waits for what runs for a session that is over.
func (s *Session) join() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.tasks.Wait()
}

// start runs a task for the session, which has to end when its context does. It
// reports false when the session or the client is closed.
func (s *Session) start(task func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.tasks.Add(1)
	if !s.client.start(func() { defer s.tasks.Done(); task() }) {
		s.tasks.Done()
		return false
	}
	return true
}

// err says why the session is over, nil if it is not.
func (s *Session) err() error {
	if s.ctx.Err() == nil {
		return nil
	}
	return context.Cause(s.ctx)
}

// renew asks for one renewal.
func (s *Session) renew(ctx context.Context) (time.Duration, error) {
	return s.client.renewOnce(ctx, s.id)
}

// describe is the session's card with another purpose, if there is one.
func (s *Session) describe(purpose string) *conclavev1.Card {
	if purpose == "" {
		return s.card
	}
	card := proto.CloneOf(s.card)
	card.Purpose = purpose
	return card
}
