package etcd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// withoutCode is how etcd answers with an error of its own from these services.
func withoutCode(err error) error {
	return status.Error(codes.Unknown, status.Convert(err).Message())
}

var errExpired = status.Error(codes.Unknown, "mutex: session is expired")

// owns compares a key's create revision, as IsOwner of client/v3/concurrency does.
func owns(t *testing.T, s *site, key []byte, created int64) bool {
	t.Helper()
	res, err := pb.NewKVClient(s.native).Txn(within(t), &pb.TxnRequest{Compare: []*pb.Compare{{
		Key: key, Target: pb.Compare_CREATE, TargetUnion: &pb.Compare_CreateRevision{CreateRevision: created},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetSucceeded()
}

// A lock is a key that is named for the lease; it is the session's again when it
// asks again, and the next one's when it is deleted.
func TestLock(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		name := "lock/" + port
		a, b := grant(t, conn, 0, 60).GetID(), grant(t, conn, -17, 60).GetID()
		first := lock(t, conn, name, a)
		if want := fmt.Sprintf("%s/%x", name, a); string(first.GetKey()) != want {
			t.Errorf("key %s, want %s", first.GetKey(), want)
		}
		if !owns(t, s, first.GetKey(), first.GetHeader().GetRevision()) {
			t.Error("its own compare does not hold")
		}
		if again := lock(t, conn, name, a); !bytes.Equal(again.GetKey(), first.GetKey()) || again.GetHeader().GetRevision() < first.GetHeader().GetRevision() {
			t.Errorf("again: %v", again)
		}

		next := lockLater(within(t), conn, name, b)
		line := waitLine(t, conn, name, 2)
		waits(t, next)
		unlock(t, conn, first.GetKey())
		got, err := take(t, next)
		if err != nil {
			t.Fatal(err)
		}
		checkHeader(t, "the next one", got.GetHeader())
		if string(got.GetKey()) != name+"/-11" || !owns(t, s, got.GetKey(), line[1].GetCreateRevision()) {
			t.Errorf("the next one has %v", got)
		}
		if got.GetHeader().GetRevision() <= line[1].GetCreateRevision() {
			t.Errorf("revision %d is not one at which it had the lock", got.GetHeader().GetRevision())
		}
		revoke(t, conn, b)
		unlock(t, conn, got.GetKey()) // of what is gone
		waitLine(t, conn, name, 0)
		revoke(t, conn, a)
	}
}

// Clients that put the keys themselves exclude this service's callers, and the
// other way round.
func TestLockOfAClient(t *testing.T) {
	s := newSite(t)
	lease := grant(t, s.native, 0, 60).GetID()
	write(t, s.native, "m/cafe", "", 0)
	waiting := lockLater(within(t), s.native, "m", lease)
	waitLine(t, s.native, "m", 2)
	waits(t, waiting)
	write(t, s.connect, "m/beef", "", 0) // stands behind
	remove(t, s.connect, "m/cafe", "")
	got, err := take(t, waiting)
	if err != nil {
		t.Fatal(err)
	}
	if line := lineOf(t, s.native, "m"); len(line) != 2 || !bytes.Equal(line[0].GetKey(), got.GetKey()) {
		t.Errorf("the line is %v, and %s is not its first", line, got.GetKey())
	}
}

func TestLockErrors(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		locks := v3lockpb.NewLockClient(conn)
		wantError(t, port+": no such lease", withoutCode(rpctypes.ErrGRPCLeaseNotFound),
			second(locks.Lock(within(t), &v3lockpb.LockRequest{Name: []byte("l"), Lease: 99})))
		wantError(t, port+": no key", withoutCode(rpctypes.ErrGRPCEmptyKey),
			second(locks.Unlock(within(t), &v3lockpb.UnlockRequest{})))
		waitLine(t, conn, "l", 0)
	}
}

// Who goes away while waiting leaves no key behind, and no lease that was made for
// the call: those behind move up.
func TestLockWaiterGoesAway(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		name := "gone/" + port
		holder := lock(t, conn, name, grant(t, conn, 0, 60).GetID())
		ctx, cancel := context.WithCancel(within(t))
		middle := lockLater(ctx, conn, name, grant(t, conn, 0, 60).GetID())
		waitLine(t, conn, name, 2)
		last := lockLater(within(t), conn, name, grant(t, conn, 0, 60).GetID())
		waitLine(t, conn, name, 3)
		known := len(leases(t, conn))
		other, cancelOther := context.WithCancel(within(t))
		withoutLease := lockLater(other, conn, name, 0)
		waitLine(t, conn, name, 4)

		cancel()
		cancelOther()
		if _, err := take(t, middle); status.Code(err) != codes.Canceled {
			t.Errorf("%v", err)
		}
		if _, err := take(t, withoutLease); status.Code(err) != codes.Canceled {
			t.Errorf("%v", err)
		}
		waitLine(t, conn, name, 2)
		eventually(t, func() error {
			if left := leases(t, conn); len(left) != known {
				return fmt.Errorf("leases %v, want %d of them", left, known)
			}
			return nil
		})
		waits(t, last)
		unlock(t, conn, holder.GetKey())
		if _, err := take(t, last); err != nil {
			t.Error(err)
		}
	}

	// The connection dies.
	holder := lock(t, s.native, "dead", grant(t, s.native, 0, 60).GetID())
	lease := grant(t, s.native, 0, 60).GetID()
	waiting := lockLater(within(t), s.connect, "dead", lease)
	waitLine(t, s.native, "dead", 2)
	_ = s.connect.Close()
	_, _ = take(t, waiting)
	if line := waitLine(t, s.native, "dead", 1); !bytes.Equal(line[0].GetKey(), holder.GetKey()) {
		t.Errorf("%v is left", line)
	}
	if timeToLive(t, s.native, lease).GetTTL() < 0 {
		t.Error("the session ended with the call")
	}
}

// Who asks again for what it holds, and goes away before the answer, still holds it.
func TestLockHolderGoesAway(t *testing.T) {
	s := newSite(t)
	lease := grant(t, s.native, 0, 60).GetID()
	lock(t, s.native, "l", lease)
	for range 50 {
		ctx, cancel := context.WithCancel(within(t))
		again := lockLater(ctx, s.native, "l", lease)
		cancel()
		_, _ = take(t, again)
	}
	if line := lineOf(t, s.connect, "l"); len(line) != 1 {
		t.Errorf("the line is %v", line)
	}
}

// A session that ends is told at once, and one that is pushed out as well.
func TestLockSessionEnds(t *testing.T) {
	s := newSite(t)
	holder := grant(t, s.native, 0, 600).GetID()
	lock(t, s.native, "l", holder)
	for _, end := range []func(lease int64){
		func(lease int64) { revoke(t, s.native, lease) },
		func(lease int64) { unlock(t, s.connect, fmt.Appendf(nil, "l/%x", lease)) },
		func(int64) { s.AdvanceClock(time.Minute) },
	} {
		lease := grant(t, s.native, 0, 60).GetID()
		waiting := lockLater(within(t), s.native, "l", lease)
		waitLine(t, s.native, "l", 2)
		end(lease)
		_, err := take(t, waiting)
		wantError(t, "the wait", errExpired, err)
		waitLine(t, s.native, "l", 1)
	}
}

// Who brings no lease gets one of a minute, which the wait does not use up.
func TestLockWithoutLease(t *testing.T) {
	s := newSite(t)
	holder := lock(t, s.native, "l", grant(t, s.native, 0, 600).GetID())
	waiting := lockLater(within(t), s.connect, "l", 0)
	waitLine(t, s.native, "l", 2)
	s.AdvanceClock(50 * time.Second)
	unlock(t, s.native, holder.GetKey())
	got, err := take(t, waiting)
	if err != nil {
		t.Fatal(err)
	}
	line := lineOf(t, s.native, "l")
	if len(line) != 1 || string(got.GetKey()) != fmt.Sprintf("l/%x", line[0].GetLease()) {
		t.Fatalf("%s has the lock, and the line is %v", got.GetKey(), line)
	}
	if left := timeToLive(t, s.native, line[0].GetLease()); left.GetGrantedTTL() != 60 || left.GetTTL() < 50 {
		t.Errorf("%v, want a minute", left)
	}
	s.AdvanceClock(time.Minute)
	waitLine(t, s.native, "l", 0)
}

// A wait does not need the history that a compaction forgets.
func TestLockOverCompaction(t *testing.T) {
	s := newSite(t)
	holder := lock(t, s.native, "l", grant(t, s.native, 0, 60).GetID())
	waiting := lockLater(within(t), s.native, "l", grant(t, s.native, 0, 60).GetID())
	waitLine(t, s.native, "l", 2)
	var last int64
	for range 20 {
		last = write(t, s.native, "other", "x", 0)
	}
	compact(t, s.native, last)
	waits(t, waiting)
	unlock(t, s.native, holder.GetKey())
	if _, err := take(t, waiting); err != nil {
		t.Error(err)
	}
}

// A server that stops tells those who wait, and gives their places back.
func TestLockDrains(t *testing.T) {
	sites := newSites(t, 3)
	stops, other := sites[0], sites[1]
	lock(t, other.native, "l", grant(t, other.native, 0, 60).GetID())
	var waiting []<-chan answer[*v3lockpb.LockResponse]
	for _, conn := range stops.ports() {
		waiting = append(waiting, lockLater(within(t), conn, "l", grant(t, other.native, 0, 60).GetID()))
	}
	waitLine(t, other.native, "l", 3)
	stops.api.Drain()
	for _, w := range waiting {
		_, err := take(t, w)
		wantError(t, "the wait", rpctypes.ErrGRPCStopped, err)
	}
	waitLine(t, other.native, "l", 1)
}

// Of many callers on all nodes one has the lock at a time, and all get it, in the
// order of their keys.
func TestLockExcludes(t *testing.T) {
	sites := newSites(t, 3)
	const callers = 24
	var (
		inside  atomic.Int32
		turns   sync.WaitGroup
		mu      sync.Mutex
		created []int64
	)
	for i := range callers {
		s := sites[i%3]
		conn := s.ports()[[]string{"native", "connect"}[i%2]]
		turns.Go(func() {
			lease := grant(t, conn, 0, 60).GetID()
			got := lock(t, conn, "l", lease)
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d have the lock", n)
			}
			if line := lineOf(t, conn, "l"); !bytes.Equal(line[0].GetKey(), got.GetKey()) {
				t.Errorf("%s has the lock and %s is first", got.GetKey(), line[0].GetKey())
			} else {
				mu.Lock()
				created = append(created, line[0].GetCreateRevision())
				mu.Unlock()
			}
			inside.Add(-1)
			if i%3 == 0 {
				revoke(t, conn, lease)
			} else {
				unlock(t, conn, got.GetKey())
			}
		})
	}
	turns.Wait()
	if len(created) != callers {
		t.Errorf("%d had their turn, want %d", len(created), callers)
	}
	for i := 1; i < len(created); i++ {
		if created[i] <= created[i-1] {
			t.Errorf("the turns were %v", created)
			break
		}
	}
}

// curl can take a lock as JSON.
func TestLockAsJSON(t *testing.T) {
	s := newSite(t)
	for _, url := range []string{s.plain, "http://" + s.native.Target()} {
		req, err := http.NewRequestWithContext(within(t), http.MethodPost, url+"/v3/lock/lock", strings.NewReader(`{"name":"bA=="}`))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"key":"bC`) {
			t.Errorf("%d %s %v", res.StatusCode, body, err)
		}
		unlock(t, s.native, lineOf(t, s.native, "l")[0].GetKey())
	}
	http.DefaultClient.CloseIdleConnections()
}
