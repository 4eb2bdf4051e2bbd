package clientv3

import (
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A lock that the server takes: its key is there to compare with.
func testLockService(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	locks := v3lockpb.NewLockClient(c.ActiveConnection())
	first, second := session(t, c), session(t, c)
	name := []byte(key(t, "lock"))
	held, err := locks.Lock(ctx, &v3lockpb.LockRequest{Name: name, Lease: int64(first.Lease())})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Get(ctx, string(held.Key))
	if err != nil || got.Count != 1 || got.Kvs[0].Lease != int64(first.Lease()) {
		t.Fatalf("the key of a lock: %v, %v", got, err)
	}
	owner := clientv3.Compare(clientv3.CreateRevision(string(held.Key)), "=", got.Kvs[0].CreateRevision)
	if r, err := c.Txn(ctx).If(owner).Commit(); err != nil || !r.Succeeded {
		t.Errorf("the owner: %v, %v", r, err)
	}
	// Who has it gets it again at once.
	if again, err := locks.Lock(ctx, &v3lockpb.LockRequest{Name: name, Lease: int64(first.Lease())}); err != nil || string(again.Key) != string(held.Key) {
		t.Errorf("the same again: %v, %v", again, err)
	}
	waits := make(chan string, 1)
	queue := c.Watch(ctx, string(name), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-queue
	go func() {
		r, err := locks.Lock(ctx, &v3lockpb.LockRequest{Name: name, Lease: int64(second.Lease())})
		if err != nil {
			t.Error(err)
		}
		waits <- string(r.GetKey())
	}()
	next(t, queue)
	if r, err := locks.Unlock(ctx, &v3lockpb.UnlockRequest{Key: held.Key}); err != nil || r.Header == nil {
		t.Errorf("unlock: %v, %v", r, err)
	}
	if r, err := c.Txn(ctx).If(owner).Commit(); err != nil || r.Succeeded {
		t.Errorf("the owner before: %v, %v", r, err)
	}
	inherited := <-waits
	if inherited == "" || inherited == string(held.Key) {
		t.Errorf("the next one holds %q", inherited)
	}
	// A waiter that gives up leaves the queue.
	if _, err := locks.Unlock(ctx, &v3lockpb.UnlockRequest{Key: []byte(inherited)}); err != nil {
		t.Error(err)
	}
	if _, err := locks.Lock(ctx, &v3lockpb.LockRequest{Name: name, Lease: 12345}); status.Code(err) != codes.Unknown || status.Convert(err).Message() != rpctypes.ErrLeaseNotFound.Error() {
		t.Errorf("a lock with no lease: %v", err)
	}
}

func testElectionService(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	elections := v3electionpb.NewElectionClient(c.ActiveConnection())
	first, second := session(t, c), session(t, c)
	name := []byte(key(t, "chief"))
	if _, err := elections.Leader(ctx, &v3electionpb.LeaderRequest{Name: name}); status.Code(err) != codes.Unknown || status.Convert(err).Message() != "election: no leader" {
		t.Errorf("no leader: %v", err)
	}
	if _, err := elections.Resign(ctx, &v3electionpb.ResignRequest{}); status.Code(err) != codes.Unknown || status.Convert(err).Message() != `"leader" field must be provided` {
		t.Errorf("nobody resigns: %v", err)
	}
	observed, err := elections.Observe(ctx, &v3electionpb.LeaderRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	sees := func(want string) *mvccpb.KeyValue {
		t.Helper()
		for {
			r, err := observed.Recv()
			if err != nil {
				t.Fatalf("observe: %v", err)
			}
			if string(r.Kv.Value) == want {
				return r.Kv
			}
		}
	}
	won, err := elections.Campaign(ctx, &v3electionpb.CampaignRequest{Name: name, Lease: int64(first.Lease()), Value: []byte("alice")})
	if err != nil {
		t.Fatal(err)
	}
	kv := sees("alice")
	if l := won.Leader; string(l.Key) != string(kv.Key) || l.Rev != kv.CreateRevision || l.Lease != int64(first.Lease()) || string(l.Name) != string(name) {
		t.Errorf("the leader is %v, and is seen as %v", l, kv)
	}
	owner := clientv3.Compare(clientv3.CreateRevision(string(won.Leader.Key)), "=", won.Leader.Rev)
	if r, err := c.Txn(ctx).If(owner).Commit(); err != nil || !r.Succeeded {
		t.Errorf("the owner: %v, %v", r, err)
	}
	if _, err := elections.Proclaim(ctx, &v3electionpb.ProclaimRequest{Leader: won.Leader, Value: []byte("still alice")}); err != nil {
		t.Error(err)
	}
	sees("still alice")
	if r, err := elections.Leader(ctx, &v3electionpb.LeaderRequest{Name: name}); err != nil || string(r.Kv.Value) != "still alice" {
		t.Errorf("the leader: %v, %v", r, err)
	}
	next := make(chan error, 1)
	go func() {
		_, err := elections.Campaign(ctx, &v3electionpb.CampaignRequest{Name: name, Lease: int64(second.Lease()), Value: []byte("bob")})
		next <- err
	}()
	if r, err := elections.Resign(ctx, &v3electionpb.ResignRequest{Leader: won.Leader}); err != nil || r.Header == nil {
		t.Errorf("resign: %v, %v", r, err)
	}
	if err := <-next; err != nil {
		t.Error(err)
	}
	sees("bob")
	if _, err := elections.Proclaim(ctx, &v3electionpb.ProclaimRequest{Leader: won.Leader, Value: []byte("alice")}); status.Code(err) != codes.Unknown || status.Convert(err).Message() != "election: not leader" {
		t.Errorf("who does not lead proclaims: %v", err)
	}
}
