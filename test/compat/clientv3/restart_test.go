package clientv3

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// What a client has goes on when its only server is killed and comes back.
func TestRestart(t *testing.T) {
	rig.Each(t, func(t *testing.T, kind rig.Program) {
		t.Parallel()
		server := rig.Start(t, kind, 1)
		c, ctx := connect(t, server.Endpoints()...), rig.Within(t, 2*rig.Patience)
		mine := session(t, c, concurrency.WithTTL(20))
		m := concurrency.NewMutex(mine, key(t, "m"))
		if err := m.Lock(ctx); err != nil {
			t.Fatal(err)
		}
		e := concurrency.NewElection(mine, key(t, "e"))
		if err := e.Campaign(ctx, "before"); err != nil {
			t.Fatal(err)
		}
		observed := concurrency.NewElection(session(t, c), key(t, "e")).Observe(ctx)
		<-observed
		watch := c.Watch(ctx, key(t, "k"), clientv3.WithCreatedNotify())
		<-watch
		put, err := c.Put(ctx, key(t, "k"), "0")
		if err != nil {
			t.Fatal(err)
		}
		next(t, watch)

		for i := 1; i <= 2; i++ {
			server.Nodes[0].Restart()
			if err := eventuallyPut(ctx, c, key(t, "k"), strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
			if r := next(t, watch); string(r.Events[0].Kv.Value) != strconv.Itoa(i) {
				t.Errorf("after %d restarts the watch sees %v", i, r.Events)
			}
		}
		if got, err := c.Get(ctx, key(t, "k"), clientv3.WithRev(put.Header.Revision)); err != nil || string(got.Kvs[0].Value) != "0" {
			t.Errorf("what was put before: %v, %v", got, err)
		}
		if r, err := c.Txn(ctx).If(m.IsOwner()).Commit(); err != nil || !r.Succeeded {
			t.Errorf("the owner of the mutex: %v, %v", r, err)
		}
		if err := e.Proclaim(ctx, "after"); err != nil {
			t.Error(err)
		}
		for r := range observed {
			if string(r.Kvs[0].Value) == "after" {
				break
			}
		}
		if err := m.Unlock(ctx); err != nil {
			t.Error(err)
		}
		select {
		case <-mine.Done():
			t.Error("the session was lost")
		default:
		}
	})
}

// eventuallyPut puts until it works: a put that may have been carried out is not
// tried again by the client itself.
func eventuallyPut(ctx context.Context, c *clientv3.Client, key, value string) error {
	for {
		_, err := c.Put(ctx, key, value)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// A client of three nodes does not mind when the one that leads is killed.
func TestLeaderKilled(t *testing.T) {
	rig.Each(t, func(t *testing.T, kind rig.Program) {
		t.Parallel()
		three := rig.Start(t, kind, 3)
		c, ctx := connect(t, three.Endpoints()...), rig.Within(t, 2*rig.Patience)
		mine := session(t, c, concurrency.WithTTL(20))
		if _, err := c.Put(ctx, key(t, "leased"), "x", clientv3.WithLease(mine.Lease())); err != nil {
			t.Fatal(err)
		}
		watch := c.Watch(clientv3.WithRequireLeader(ctx), key(t, "n/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-watch

		const puts = 60
		written := make(chan error, 1)
		go func() {
			for i := range puts {
				if i == puts/3 {
					leader(t, c, three).Kill()
				}
				// Each has a key of its own, so that one that was put twice is seen once.
				if err := eventuallyPut(ctx, c, fmt.Sprintf("%s%02d", key(t, "n/"), i), "x"); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		seen := make(map[string]int64)
		for last := int64(0); len(seen) < puts; {
			r, ok := <-watch
			if !ok || r.Err() != nil { // as etcd's watches with a required leader do
				watch = c.Watch(clientv3.WithRequireLeader(ctx), key(t, "n/"), clientv3.WithPrefix(), clientv3.WithRev(last+1))
				continue
			}
			for _, e := range r.Events {
				if e.Type != mvccpb.PUT || e.Kv.ModRevision <= last {
					t.Fatalf("%v after revision %d", e, last)
				}
				last = e.Kv.ModRevision
				seen[string(e.Kv.Key)] = last
			}
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(ctx, key(t, "n/"), clientv3.WithPrefix(), clientv3.WithCountOnly()); err != nil || got.Count != puts {
			t.Errorf("%v, %v, want %d", got, err, puts)
		}
		if got, err := c.Get(ctx, key(t, "leased")); err != nil || got.Count != 1 {
			t.Errorf("the key of a session: %v, %v", got, err)
		}
		if err := mine.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// leader finds the node that leads.
func leader(t *testing.T, c *clientv3.Client, of *rig.Cluster) *rig.Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		for _, n := range of.Nodes {
			if status, err := c.Status(ctx, n.Endpoint); err == nil && status.Leader != 0 && status.Leader == status.Header.MemberId {
				return n
			}
		}
		if ctx.Err() != nil {
			t.Fatal("nobody leads")
		}
	}
}
