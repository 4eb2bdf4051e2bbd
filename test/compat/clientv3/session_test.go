package clientv3

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"golang.org/x/sync/errgroup"
)

// session begins a session that is closed with the test.
func session(t *testing.T, c *clientv3.Client, options ...concurrency.SessionOption) *concurrency.Session {
	t.Helper()
	s, err := concurrency.NewSession(c, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func testSession(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	first := session(t, c, concurrency.WithTTL(5))
	if _, err := c.Put(ctx, key(t, "k"), "x", clientv3.WithLease(first.Lease())); err != nil {
		t.Fatal(err)
	}
	if left, err := c.TimeToLive(ctx, first.Lease()); err != nil || left.GrantedTTL != 5 {
		t.Errorf("a session's lease: %v, %v", left, err)
	}
	// A session that is left alone can be taken up by its lease.
	first.Orphan()
	<-first.Done()
	again := session(t, c, concurrency.WithLease(first.Lease()))
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if got, err := c.Get(ctx, key(t, "k")); err != nil || got.Count != 0 {
		t.Errorf("the key of a session that was closed: %v, %v", got, err)
	}
	lost := session(t, c)
	if _, err := c.Revoke(ctx, lost.Lease()); err != nil {
		t.Fatal(err)
	}
	<-lost.Done()
}

func testMutex(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	one := concurrency.NewMutex(session(t, c), key(t, "m"))
	two := concurrency.NewMutex(session(t, s.client(t)), key(t, "m"))
	if err := one.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if err := two.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
		t.Errorf("try: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := two.Lock(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lock for a while: %v", err)
	}
	if got, err := c.Get(ctx, key(t, "m"), clientv3.WithPrefix()); err != nil || got.Count != 1 || string(got.Kvs[0].Key) != one.Key() {
		t.Errorf("who gave up is still there: %v, %v", got, err)
	}
	if err := one.Unlock(ctx); err != nil {
		t.Error(err)
	}
	if err := two.TryLock(ctx); err != nil {
		t.Errorf("try a free one: %v", err)
	}
	if err := two.Unlock(ctx); err != nil {
		t.Error(err)
	}
	if err := one.Unlock(ctx); !errors.Is(err, concurrency.ErrLockReleased) {
		t.Errorf("unlock twice: %v", err)
	}
	locker := concurrency.NewLocker(session(t, c), key(t, "locker"))
	locker.Lock()
	//lint:ignore SA2001 that it can be locked is what is tested
	locker.Unlock()
}

// Of many that want it, one has it at a time, and all of them get it.
func testMutexMany(t *testing.T, s site) {
	ctx := rig.Within(t, rig.Patience)
	const workers, turns = 8, 4
	name, inside, total := key(t, "m"), 0, 0
	var group errgroup.Group
	for range workers {
		mine := session(t, s.client(t))
		group.Go(func() error {
			m := concurrency.NewMutex(mine, name)
			for range turns {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				inside++
				total++
				if inside != 1 {
					return fmt.Errorf("%d are inside", inside)
				}
				inside--
				if err := m.Unlock(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if total != workers*turns {
		t.Errorf("%d turns, want %d", total, workers*turns)
	}
}

func testMutexSessionLost(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	holder, waiter, lost := session(t, c), session(t, c), session(t, c)
	name := key(t, "m")
	held := concurrency.NewMutex(holder, name)
	if err := held.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	// One whose session ends while it waits is told when its turn comes.
	told := make(chan error, 1)
	waiting := c.Watch(ctx, name, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-waiting
	go func() { told <- concurrency.NewMutex(lost, name).Lock(ctx) }()
	next(t, waiting)
	if _, err := c.Revoke(ctx, lost.Lease()); err != nil {
		t.Fatal(err)
	}
	// Whose session ends has lost it, and the next one has it.
	got := make(chan error, 1)
	next(t, waiting)
	m := concurrency.NewMutex(waiter, name)
	go func() { got <- m.Lock(ctx) }()
	next(t, waiting)
	if _, err := c.Revoke(ctx, holder.Lease()); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("the next one: %v", err)
	}
	if err := <-told; !errors.Is(err, concurrency.ErrSessionExpired) {
		t.Errorf("who waited without a session: %v", err)
	}
	if err := m.Unlock(ctx); err != nil {
		t.Error(err)
	}
}

// A transaction can be bound to holding a mutex.
func testMutexOwner(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	mine := session(t, c)
	m := concurrency.NewMutex(mine, key(t, "m"))
	if err := m.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	write := func() bool {
		r, err := c.Txn(ctx).If(m.IsOwner()).Then(clientv3.OpPut(key(t, "guarded"), "x")).Commit()
		if err != nil {
			t.Fatal(err)
		}
		return r.Succeeded
	}
	if !write() {
		t.Error("the owner is not let in")
	}
	if _, err := c.Revoke(ctx, mine.Lease()); err != nil {
		t.Fatal(err)
	}
	if write() {
		t.Error("who owns it no more is let in")
	}
}
