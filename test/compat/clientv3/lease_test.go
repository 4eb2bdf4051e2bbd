package clientv3

import (
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func testLease(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	granted, err := c.Grant(ctx, 100)
	if err != nil || granted.TTL != 100 || granted.ID <= 0 {
		t.Fatalf("grant: %v, %v", granted, err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := c.Put(ctx, key(t, name), "x", clientv3.WithLease(granted.ID)); err != nil {
			t.Fatal(err)
		}
	}
	left, err := c.TimeToLive(ctx, granted.ID, clientv3.WithAttachedKeys())
	if err != nil || left.GrantedTTL != 100 || left.TTL > 100 || left.TTL < 60 || len(left.Keys) != 2 {
		t.Errorf("time to live: %v, %v", left, err)
	}
	all, err := c.Leases(ctx)
	found := false
	for _, l := range all.Leases {
		found = found || l.ID == granted.ID
	}
	if err != nil || !found {
		t.Errorf("the lease is not among %v, %v", all, err)
	}
	watch := c.Watch(ctx, key(t, ""), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-watch
	if _, err := c.Revoke(ctx, granted.ID); err != nil {
		t.Fatal(err)
	}
	r := next(t, watch)
	if len(r.Events) != 2 || r.Events[0].Type != mvccpb.DELETE || string(r.Events[0].Kv.Key) != key(t, "a") || r.Events[0].Kv.ModRevision != r.Events[1].Kv.ModRevision {
		t.Errorf("the end of a lease is seen as %v", r.Events)
	}
	none, err := c.TimeToLive(ctx, granted.ID)
	if err != nil || none.TTL != -1 || none.GrantedTTL != 0 {
		t.Errorf("time to live of nothing: %v, %v", none, err)
	}
	least, err := c.Grant(ctx, 1)
	if err != nil || least.TTL != 2 {
		t.Errorf("the least is %v, %v", least, err)
	}
}

func testLeaseKeepAlive(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	granted, err := c.Grant(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, key(t, "k"), "x", clientv3.WithLease(granted.ID)); err != nil {
		t.Fatal(err)
	}
	once, err := c.KeepAliveOnce(ctx, granted.ID)
	if err != nil || once.TTL != 2 || once.ID != granted.ID {
		t.Errorf("once: %v, %v", once, err)
	}
	alive, err := c.KeepAlive(ctx, granted.ID)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 3*time.Second; {
		if r := <-alive; r == nil || r.TTL != 2 {
			t.Fatalf("kept alive: %v", r)
		}
	}
	if got, err := c.Get(ctx, key(t, "k")); err != nil || got.Count != 1 {
		t.Errorf("the key of a lease that is kept: %v, %v", got, err)
	}
	if _, err := c.Revoke(ctx, granted.ID); err != nil {
		t.Fatal(err)
	}
	for range alive { // until it is closed
	}
	_, err = c.KeepAliveOnce(ctx, granted.ID)
	refused(t, "once more", err, rpctypes.ErrLeaseNotFound)
}

func testLeaseExpires(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	granted, err := c.Grant(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	put, err := c.Put(ctx, key(t, "k"), "x", clientv3.WithLease(granted.ID))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r := next(t, c.Watch(ctx, key(t, "k"), clientv3.WithRev(put.Header.Revision+1)))
	if r.Events[0].Type != mvccpb.DELETE {
		t.Errorf("got %v", r.Events)
	}
	if took := time.Since(began); took < 1800*time.Millisecond || took > 10*time.Second {
		t.Errorf("a lease of 2 s ended after %v", took)
	}
}
