package conclave

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Mutex is a name that at most one session holds. The line is first come, first
// served; a release grants the next in the same commit.
type Mutex struct {
	session *Session
	name    string

	purpose   string
	lockDelay time.Duration
	wait      time.Duration
	reentrant bool
}

// MutexOption changes how a mutex is locked.
type MutexOption interface {
	applyMutex(*Mutex)
}

type mutexOptionFunc func(*Mutex)

func (f mutexOptionFunc) applyMutex(m *Mutex) { f(m) }

// WithLockDelay keeps the mutex free for this long after a holder is lost or
// broken, for what the holder may still have under way without checking tokens.
// A clean unlock has no delay. Default: none; at most 1 min.
func WithLockDelay(d time.Duration) MutexOption {
	return mutexOptionFunc(func(m *Mutex) { m.lockDelay = d })
}

// Reentrant counts how often the session holds the mutex instead of refusing
// with ErrAlreadyHeld. Each Hold is unlocked; the last one frees the mutex.
func Reentrant() MutexOption {
	return mutexOptionFunc(func(m *Mutex) { m.reentrant = true })
}

// Mutex names a mutex for this session; nothing is sent. Names have 1 to 256
// bytes.
func (s *Session) Mutex(name string, opts ...MutexOption) *Mutex {
	m := &Mutex{session: s, name: name}
	for _, opt := range opts {
		opt.applyMutex(m)
	}
	return m
}

// Lock waits in line for the mutex. When ctx ends, the place in line is given
// up, and Lock returns the error of ctx. A place survives reconnects and
// failing nodes, but not the session: then Lock fails with ErrSessionLost.
// ErrAlreadyHeld says that the session holds it; ErrWaitTimeout, that the bound
// of WithWait has passed.
func (m *Mutex) Lock(ctx context.Context) (*Hold, error) {
	hold, err := m.acquire(ctx, true)
	return hold, during(err, "lock mutex %q", m.name)
}

// TryLock takes the mutex if it is free. Otherwise it fails with ErrHeld, and
// the *Error shows the Holder.
func (m *Mutex) TryLock(ctx context.Context) (*Hold, error) {
	hold, err := m.acquire(ctx, false)
	return hold, during(err, "lock mutex %q", m.name)
}

// Do runs fn while it holds the mutex. The context of fn is ctx that ends, in
// addition, when the hold is lost. Do returns what fn returns, joined with the
// loss if there was one; the *Error of a loss matches ErrLost. It unlocks also
// when fn panics.
func (m *Mutex) Do(ctx context.Context, fn func(ctx context.Context, h *Hold) error) error {
	hold, err := m.Lock(ctx)
	if err != nil {
		return err
	}
	return hold.run(ctx, func(ctx context.Context) error { return fn(ctx, hold) }, hold.Unlock)
}

func (m *Mutex) acquire(ctx context.Context, wait bool) (*Hold, error) {
	s := m.session
	req := &conclavev1.AcquireMutexRequest{
		Namespace: s.client.where(),
		Name:      m.name,
		LeaseId:   int64(s.id),
		Reentrant: m.reentrant,
		LockDelay: optional(m.lockDelay),
		Card:      s.describe(m.purpose),
	}
	acquire := standing[conclavev1.AcquireMutexRequest, conclavev1.AcquireMutexResponse]{
		session: s,
		key:     settleKey{conclavev1.Lost_KIND_MUTEX, m.name},
		method:  (*services).AcquireMutex,
		req:     req,
		slot:    &req.RequestId,
		giveBack: func(ctx context.Context, res *conclavev1.AcquireMutexResponse) {
			_ = s.client.ReleaseMutex(ctx, m.name, Token(res.GetToken())) // ends with the session otherwise
		},
	}
	// A session that holds the mutex never waits for it, and a cancel would
	// end that hold.
	if wait && !s.grants.has(conclavev1.Lost_KIND_MUTEX, m.name) {
		acquire.withdraw = m.cancelAcquire
	}
	if wait {
		if req.WaitForever = m.wait == 0; m.wait > 0 {
			req.Wait = durationpb.New(m.wait)
		}
	}
	res, err := acquire.do(ctx)
	if err != nil {
		return nil, err
	}
	key := grantKey{kind: conclavev1.Lost_KIND_MUTEX, name: m.name, token: Token(res.GetToken())}
	hold := &Hold{mutex: m, tenure: s.begin(key)}
	if err := hold.grant.err(); err != nil {
		return nil, err
	}
	return hold, nil
}

func (m *Mutex) cancelAcquire(ctx context.Context) error {
	s := m.session
	req := &conclavev1.CancelAcquireRequest{
		Namespace: s.client.where(),
		Name:      m.name,
		LeaseId:   int64(s.id),
	}
	_, err := mutate(ctx, s.client, (*services).CancelAcquire, req, &req.RequestId)
	return err
}

// Hold is a mutex in the hands of this session.
type Hold struct {
	tenure
	mutex *Mutex
}

// Name is the name of the mutex.
func (h *Hold) Name() string { return h.mutex.name }

// Token is the fencing token of this hold: greater than those of all holds
// before it. Hand it to whatever the mutex protects.
func (h *Hold) Token() Token { return h.grant.key.token }

// Guard makes a transaction fail with ErrGuardFailed unless the mutex is still
// held with this token.
func (h *Hold) Guard() Guard { return MutexGuard(h.mutex.name, h.Token()) }

// Unlock ends the hold's context and gives the mutex to the next in line. A
// hold that was lost is not given back: Unlock returns the loss then. Unlocking
// twice does nothing. If ctx ends before the service has answered, Unlock goes
// on in the background.
func (h *Hold) Unlock(ctx context.Context) error {
	c := h.session.client
	err := h.finish(ctx, func(ctx context.Context, id *requestID) error {
		req := &conclavev1.ReleaseMutexRequest{
			Namespace: c.where(),
			Name:      h.mutex.name,
			Token:     int64(h.Token()),
		}
		_, err := mutateAs(ctx, c, id, (*services).ReleaseMutex, req, &req.RequestId)
		return err
	})
	return during(err, "unlock mutex %q", h.mutex.name)
}
