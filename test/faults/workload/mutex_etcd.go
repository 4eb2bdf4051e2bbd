package workload

import (
	"context"
	"errors"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/test/faults/history"
)

// foreignTTL is the shortest that etcd's sessions can have.
const foreignTTL = 2 * time.Second

// foreignMember is a client with a session of etcd's concurrency package.
type foreignMember struct {
	*client
	session *concurrency.Session // nil: none
}

// join makes sure that there is a session, and reports whether there is.
func (m *foreignMember) join() bool {
	if m.session != nil && m.session.Ctx().Err() == nil {
		return true
	}
	m.session = nil
	ctx, cancel := m.deadline()
	defer cancel()
	grant, err := m.etcd.Grant(ctx, int64(foreignTTL/time.Second))
	m.count(err)
	if err != nil {
		return false
	}
	m.session, err = concurrency.NewSession(m.etcd, concurrency.WithLease(grant.ID),
		concurrency.WithTTL(int(foreignTTL/time.Second)), concurrency.WithContext(m.load.life))
	return err == nil && m.session != nil
}

// leave closes the session, so that whatever it holds or waits for is free.
func (m *foreignMember) leave() {
	if m.session != nil {
		_ = m.session.Close() // the service ends it otherwise
		m.session = nil
	}
}

// desert leaves the session to itself: nobody renews it any more.
func (m *foreignMember) desert() {
	m.session.Orphan()
	m.session = nil
}

// askedEtcd judges a call of etcd's that stands in line. Only TryLock says for
// certain that it got nothing.
func askedEtcd(err error) (history.Outcome, string) {
	switch {
	case err == nil:
		return history.OK, ""
	case errors.Is(err, concurrency.ErrLocked):
		return history.Refused, "HELD"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		status.Code(err) == codes.Canceled, status.Code(err) == codes.DeadlineExceeded:
		return history.Unknown, "CANCELED"
	}
	_, reason := judge(err)
	return history.Unknown, reason
}

// foreignHolder is an etcd client of mutexes, by the concurrency package and by
// etcd's lock service. Both make the same keys, so they exclude each other.
type foreignHolder struct {
	foreignMember
	rig *mutexRig
}

// foreignHold is a lock of etcd's: a key, whose create revision is the token.
type foreignHold struct {
	key   string
	token int64
	owner clientv3.Cmp
	leave func(ctx context.Context) error
}

// turn is one hold of one mutex, or an attempt at it.
func (h *foreignHolder) turn() {
	if !h.join() {
		return
	}
	name := h.rig.names[h.rand.IntN(len(h.rig.names))]
	hold := h.acquire(name)
	if hold == nil {
		return
	}
	tenure := h.watch(h.session.Ctx(), h.loss(name, hold))
	if h.chance(mutexSloppy) {
		h.oversleep(name, hold, tenure)
		return
	}
	h.work(h.rig, name, hold.token, mutexWork)
	h.release(name, hold, tenure)
}

func (h *foreignHolder) loss(name string, hold *foreignHold) history.Record {
	r := h.begin(history.HoldLost)
	r.Key, r.Token = name, hold.token
	return r
}

// acquire asks for a mutex in line, in line but not for long, or without waiting.
func (h *foreignHolder) acquire(name string) *foreignHold {
	ctx, cancel := context.WithTimeout(h.load.stopping, mutexPatience)
	defer cancel()
	lock := h.lock
	switch h.rand.IntN(8) {
	case 0:
		lock = h.tryLock
	case 1:
		var hurry context.CancelFunc
		ctx, hurry = context.WithTimeout(ctx, h.between(time.Millisecond, 60*time.Millisecond))
		defer hurry()
	case 2, 3, 4:
		lock = h.askLockService
	}
	r := h.begin(history.Acquired)
	r.Key, r.Lease, r.TTL = name, int64(h.session.Lease()), foreignTTL
	hold, err := lock(ctx, name)
	if err == nil {
		r.Token = hold.token
	}
	outcome, reason := askedEtcd(err)
	h.settle(&r, outcome, reason, err)
	if !cut(ctx, outcome, reason) && !errors.Is(err, concurrency.ErrLocked) {
		h.count(err)
	}
	if outcome == history.Unknown {
		h.leave() // what is left of the attempt goes with the session
	}
	return hold
}

func (h *foreignHolder) lock(ctx context.Context, name string) (*foreignHold, error) {
	m := concurrency.NewMutex(h.session, name)
	if err := m.Lock(ctx); err != nil {
		return nil, err
	}
	return holdOf(m), nil
}

func (h *foreignHolder) tryLock(ctx context.Context, name string) (*foreignHold, error) {
	m := concurrency.NewMutex(h.session, name)
	if err := m.TryLock(ctx); err != nil {
		return nil, err
	}
	return holdOf(m), nil
}

func holdOf(m *concurrency.Mutex) *foreignHold {
	owner := m.IsOwner()
	return &foreignHold{key: m.Key(), token: owner.GetCompare().GetCreateRevision(), owner: owner, leave: m.Unlock}
}

// askLockService locks by etcd's Lock service. Its answer is a key, which has to be
// read for its token; it must not be gone by then.
func (h *foreignHolder) askLockService(ctx context.Context, name string) (*foreignHold, error) {
	locks := v3lockpb.NewLockClient(h.etcd.ActiveConnection())
	res, err := locks.Lock(ctx, &v3lockpb.LockRequest{Name: []byte(name), Lease: int64(h.session.Lease())})
	if err != nil {
		return nil, err
	}
	key := string(res.GetKey())
	read, err := h.etcd.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(read.Kvs) == 0 {
		return nil, errors.New("the key of the lock is gone")
	}
	created := read.Kvs[0].CreateRevision
	return &foreignHold{
		key:   key,
		token: created,
		owner: clientv3.Compare(clientv3.CreateRevision(key), "=", created),
		leave: func(ctx context.Context) error {
			_, err := locks.Unlock(ctx, &v3lockpb.UnlockRequest{Key: []byte(key)})
			return err
		},
	}, nil
}

// release gives a mutex back, unless it was lost. It is a delete of the key, which
// is no proof that it was there.
func (h *foreignHolder) release(name string, hold *foreignHold, tenure *vigil) {
	if !tenure.end() {
		return
	}
	r := h.begin(history.Released)
	r.Key, r.Token = name, hold.token
	ctx, cancel := h.deadline()
	defer cancel()
	err := hold.leave(ctx)
	outcome, reason := askedEtcd(err)
	h.settle(&r, outcome, reason, err)
	h.count(err)
	if outcome == history.OK {
		h.rig.released(name, hold.token)
		return
	}
	h.leave()
}

// oversleep is that of holder.
func (h *foreignHolder) oversleep(name string, hold *foreignHold, tenure *vigil) {
	fenced, admitted := h.rig.fenced[name].read(hold.token)
	open, _ := h.rig.open[name].read(hold.token)
	if tenure.end() {
		h.lost(h.loss(name, hold), deserted)
	}
	h.desert()
	if !h.rest(foreignTTL + h.between(0, time.Second)) {
		return
	}
	if admitted {
		h.write(name, hold.token, h.rig.fenced[name], fenced)
	}
	h.write(name, hold.token, h.rig.open[name], open)
}
