package clientv3

import (
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/ordering"
)

// A client that sees only what is below a prefix.
func testNamespace(t *testing.T, s site) {
	plain, c, ctx := s.client(t), s.client(t), rig.Within(t, rig.Patience)
	prefix := key(t, "")
	c.KV = namespace.NewKV(c.KV, prefix)
	c.Watcher = namespace.NewWatcher(c.Watcher, prefix)
	c.Lease = namespace.NewLease(c.Lease, prefix)

	watch := c.Watch(ctx, "", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-watch
	if _, err := c.Put(ctx, "a", "1"); err != nil {
		t.Fatal(err)
	}
	if got, err := plain.Get(ctx, prefix+"a"); err != nil || got.Count != 1 {
		t.Errorf("outside: %v, %v", got, err)
	}
	if e := next(t, watch).Events[0]; string(e.Kv.Key) != "a" {
		t.Errorf("the watch sees %s", e.Kv.Key)
	}
	if _, err := plain.Put(ctx, prefix[:len(prefix)-1]+"0", "beside"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(ctx, "\x00", clientv3.WithFromKey()); err != nil || got.Count != 1 || string(got.Kvs[0].Key) != "a" {
		t.Errorf("inside: %v, %v", got, err)
	}
	r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Version("a"), "=", 1)).Then(clientv3.OpPut("b", "2"), clientv3.OpGet("", clientv3.WithPrefix())).Commit()
	if err != nil || !r.Succeeded || r.Responses[1].GetResponseRange().Count != 2 {
		t.Errorf("a transaction inside: %v, %v", r, err)
	}
	lease, err := c.Grant(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, "leased", "", clientv3.WithLease(lease.ID)); err != nil {
		t.Fatal(err)
	}
	if left, err := c.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys()); err != nil || string(left.Keys[0]) != "leased" {
		t.Errorf("the keys of a lease inside: %v, %v", left, err)
	}
}

// Two caches of one prefix, each of which owns keys that the other one asks for.
func testLeasing(t *testing.T, s site) {
	ctx, prefix := rig.Within(t, rig.Patience), key(t, "leasing/")
	plain := s.client(t)
	one, closeOne, err := leasing.NewKV(s.client(t), prefix, concurrency.WithTTL(10))
	if err != nil {
		t.Fatal(err)
	}
	defer closeOne()
	two, closeTwo, err := leasing.NewKV(s.client(t), prefix, concurrency.WithTTL(10))
	if err != nil {
		t.Fatal(err)
	}
	defer closeTwo()
	k := key(t, "k")
	if _, err := plain.Put(ctx, k, "1"); err != nil {
		t.Fatal(err)
	}
	reads := func(kv clientv3.KV, want string) {
		t.Helper()
		if got, err := kv.Get(ctx, k); err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != want {
			t.Errorf("reads %v, %v, want %s", got, err, want)
		}
	}
	reads(one, "1")
	reads(one, "1") // from its memory
	if got, err := plain.Get(ctx, prefix+k); err != nil || got.Count != 1 {
		t.Errorf("who caches it is not known: %v, %v", got, err)
	}
	if _, err := two.Put(ctx, k, "2"); err != nil {
		t.Fatal(err)
	}
	reads(two, "2")
	reads(one, "2")
	r, err := one.Txn(ctx).If(clientv3.Compare(clientv3.Value(k), "=", "2")).Then(clientv3.OpPut(k, "3")).Commit()
	if err != nil || !r.Succeeded {
		t.Errorf("a transaction: %v, %v", r, err)
	}
	reads(two, "3")
	if _, err := two.Delete(ctx, k); err != nil {
		t.Fatal(err)
	}
	if got, err := one.Get(ctx, k); err != nil || got.Count != 0 {
		t.Errorf("what was deleted: %v, %v", got, err)
	}
}

// No read goes back behind what was read before.
func testOrdering(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	kv := ordering.NewKV(c.KV, ordering.NewOrderViolationSwitchEndpointClosure(c))
	for range 20 {
		put, err := c.Put(ctx, key(t, "k"), "x")
		if err != nil {
			t.Fatal(err)
		}
		got, err := kv.Get(ctx, key(t, "k"))
		if err != nil || got.Header.Revision < put.Header.Revision {
			t.Fatalf("a read after %d: %v, %v", put.Header.Revision, got, err)
		}
		if got, err = kv.Get(ctx, key(t, "k"), clientv3.WithSerializable()); err != nil || got.Header.Revision < put.Header.Revision {
			t.Fatalf("a serializable read after %d: %v, %v", put.Header.Revision, got, err)
		}
	}
}

// A copy of a prefix as it was, and what came after.
func testMirror(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	prefix := key(t, "")
	var puts []clientv3.Op
	for i := range 100 {
		puts = append(puts, clientv3.OpPut(prefix+string(rune('A'+i/10))+string(rune('0'+i%10)), "base"))
	}
	if _, err := c.Txn(ctx).Then(puts...).Commit(); err != nil {
		t.Fatal(err)
	}
	syncer := mirror.NewSyncer(c, prefix, 0)
	base, failed := syncer.SyncBase(ctx)
	seen := 0
	for r := range base {
		seen += len(r.Kvs)
	}
	if err := <-failed; err != nil || seen != 100 {
		t.Errorf("%d keys, %v", seen, err)
	}
	if _, err := c.Put(ctx, prefix+"new", "update"); err != nil {
		t.Fatal(err)
	}
	if e := next(t, syncer.SyncUpdates(ctx)).Events[0]; !strings.HasSuffix(string(e.Kv.Key), "new") {
		t.Errorf("the update is %v", e)
	}
}

// What Kubernetes asks of etcd.
func testKubernetes(t *testing.T, s site) {
	ctx, prefix := rig.Within(t, rig.Patience), key(t, "registry/")
	c, err := kubernetes.New(clientv3.Config{Endpoints: []string{s.endpoint}, DialTimeout: rig.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	k := c.Kubernetes
	created, err := k.OptimisticPut(ctx, prefix+"pod", []byte("1"), 0, kubernetes.PutOptions{GetOnFailure: true})
	if err != nil || !created.Succeeded {
		t.Fatalf("create: %v, %v", created, err)
	}
	again, err := k.OptimisticPut(ctx, prefix+"pod", []byte("2"), 0, kubernetes.PutOptions{GetOnFailure: true})
	if err != nil || again.Succeeded || again.KV.ModRevision != created.Revision {
		t.Errorf("create what is there: %v, %v", again, err)
	}
	updated, err := k.OptimisticPut(ctx, prefix+"pod", []byte("2"), created.Revision, kubernetes.PutOptions{})
	if err != nil || !updated.Succeeded {
		t.Errorf("update: %v, %v", updated, err)
	}
	got, err := k.Get(ctx, prefix+"pod", kubernetes.GetOptions{Revision: created.Revision})
	if err != nil || string(got.KV.Value) != "1" {
		t.Errorf("the past: %v, %v", got, err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := k.OptimisticPut(ctx, prefix+name, nil, 0, kubernetes.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := k.List(ctx, prefix, kubernetes.ListOptions{Limit: 2})
	if err != nil || len(page.Kvs) != 2 || page.Count != 3 {
		t.Fatalf("a page: %v, %v", page, err)
	}
	rest, err := k.List(ctx, prefix, kubernetes.ListOptions{Limit: 2, Revision: page.Revision, Continue: string(page.Kvs[1].Key) + "\x00"})
	if err != nil || len(rest.Kvs) != 1 || string(rest.Kvs[0].Key) != prefix+"pod" {
		t.Errorf("the next page: %v, %v", rest, err)
	}
	if n, err := k.Count(ctx, prefix, kubernetes.CountOptions{}); err != nil || n != 3 {
		t.Errorf("count: %d, %v", n, err)
	}
	kept, err := k.OptimisticDelete(ctx, prefix+"pod", created.Revision, kubernetes.DeleteOptions{GetOnFailure: true})
	if err != nil || kept.Succeeded || string(kept.KV.Value) != "2" {
		t.Errorf("delete what has changed: %v, %v", kept, err)
	}
	if gone, err := k.OptimisticDelete(ctx, prefix+"pod", updated.Revision, kubernetes.DeleteOptions{}); err != nil || !gone.Succeeded {
		t.Errorf("delete: %v, %v", gone, err)
	}
}
