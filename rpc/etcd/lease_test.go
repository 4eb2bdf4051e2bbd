package etcd_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/rpc/etcd"
)

func grant(t *testing.T, conn *grpc.ClientConn, id, ttl int64) *pb.LeaseGrantResponse {
	t.Helper()
	res, err := pb.NewLeaseClient(conn).LeaseGrant(within(t), &pb.LeaseGrantRequest{ID: id, TTL: ttl})
	if err != nil {
		t.Fatalf("grant %d for %d s: %v", id, ttl, err)
	}
	checkHeader(t, "grant", res.GetHeader())
	return res
}

func write(t *testing.T, conn *grpc.ClientConn, key, value string, lease int64) int64 {
	t.Helper()
	res, err := pb.NewKVClient(conn).Put(within(t), &pb.PutRequest{Key: []byte(key), Value: []byte(value), Lease: lease})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return res.GetHeader().GetRevision()
}

func timeToLive(t *testing.T, conn *grpc.ClientConn, id int64) *pb.LeaseTimeToLiveResponse {
	t.Helper()
	res, err := pb.NewLeaseClient(conn).LeaseTimeToLive(within(t), &pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
	if err != nil {
		t.Fatalf("time to live of %d: %v", id, err)
	}
	checkHeader(t, "time to live", res.GetHeader())
	return res
}

func keepAlive(t *testing.T, conn *grpc.ClientConn) pb.Lease_LeaseKeepAliveClient {
	t.Helper()
	stream, err := pb.NewLeaseClient(conn).LeaseKeepAlive(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestLeaseGrant(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		for _, c := range []struct{ ttl, want int64 }{{10, 10}, {2, 2}, {1, 2}, {0, 2}, {-5, 2}, {math.MinInt64, 2}, {9e9, 9e9}} {
			if got := grant(t, conn, 0, c.ttl); got.GetTTL() != c.want || got.GetID() <= 0 || got.GetError() != "" {
				t.Errorf("%s: a grant for %d s gave %v, want %d s", port, c.ttl, got, c.want)
			}
		}
		client := pb.NewLeaseClient(conn)
		_, err := client.LeaseGrant(within(t), &pb.LeaseGrantRequest{TTL: 9e9 + 1})
		wantError(t, port, rpctypes.ErrGRPCLeaseTTLTooLarge, err)
	}
	for id, conn := range map[int64]*grpc.ClientConn{-7: s.native, math.MaxInt64: s.connect, math.MinInt64: s.native} {
		if got := grant(t, conn, id, 5); got.GetID() != id {
			t.Errorf("asked for lease %d, got %d", id, got.GetID())
		}
		_, err := pb.NewLeaseClient(conn).LeaseGrant(within(t), &pb.LeaseGrantRequest{ID: id, TTL: 5})
		wantError(t, "the same id again", rpctypes.ErrGRPCLeaseExist, err)
	}
}

func TestLeaseRevoke(t *testing.T) {
	s := newSite(t)
	client := pb.NewLeaseClient(s.native)
	lease := grant(t, s.native, 0, 60).GetID()
	watch := openWatch(t, s.native)
	watch.create(&pb.WatchCreateRequest{Key: []byte("\x00"), RangeEnd: []byte("\x00")})
	for _, key := range []string{"c", "a", "b"} {
		write(t, s.native, key, "x", lease)
	}
	watch.wait(3)
	before := write(t, s.native, "b", "without", 0)
	if keys := timeToLive(t, s.native, lease).GetKeys(); len(keys) != 2 {
		t.Errorf("keys of the lease: %q", keys)
	}
	res, err := client.LeaseRevoke(within(t), &pb.LeaseRevokeRequest{ID: lease})
	if err != nil || res.GetHeader().GetRevision() != before+1 {
		t.Fatalf("revoke: %v, %v, want revision %d", res, err, before+1)
	}
	if got, want := watch.wait(3)[1:], []string{fmt.Sprintf("-a@%d", before+1), fmt.Sprintf("-c@%d", before+1)}; !cmp.Equal(got, want) {
		t.Errorf("deleted %q, want %q", got, want)
	}
	_, err = client.LeaseRevoke(within(t), &pb.LeaseRevokeRequest{ID: lease})
	wantError(t, "revoke again", rpctypes.ErrGRPCLeaseNotFound, err)
	_, err = client.LeaseRevoke(within(t), &pb.LeaseRevokeRequest{})
	wantError(t, "revoke 0", rpctypes.ErrGRPCLeaseNotFound, err)
}

func TestLeaseTimeToLive(t *testing.T) {
	s := newSite(t)
	lease := grant(t, s.native, 0, 100).GetID()
	write(t, s.native, "k", "x", lease)
	got := timeToLive(t, s.connect, lease)
	if got.GetTTL() != 99 || got.GetGrantedTTL() != 100 || len(got.GetKeys()) != 1 {
		t.Errorf("right after the grant: %v", got)
	}
	s.AdvanceClock(30 * time.Second)
	write(t, s.native, "other", "x", 0)
	if got := timeToLive(t, s.native, lease); got.GetTTL() != 69 {
		t.Errorf("after 30 s: %v", got)
	}
	res, err := pb.NewLeaseClient(s.native).LeaseTimeToLive(within(t), &pb.LeaseTimeToLiveRequest{ID: lease})
	if err != nil || len(res.GetKeys()) != 0 {
		t.Errorf("keys that nobody asked for: %v, %v", res, err)
	}
	if got := timeToLive(t, s.native, 12345); got.GetTTL() != -1 || got.GetGrantedTTL() != 0 || got.GetID() != 12345 {
		t.Errorf("of no lease: %v", got)
	}
}

// Sessions of the native API have TTLs in milliseconds and show here, too.
func TestLeaseOfASession(t *testing.T) {
	s := newSite(t)
	where, err := s.Namespace(within(t), etcd.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	for id, ms := range map[int64]int64{1: 60_900, 2: 60_000, 3: 10_000_000} {
		result, err := s.Propose(within(t), where.Shard, &logv1.Command{NamespaceId: where.ID, Body: &logv1.Command_GrantLease{
			GrantLease: &logv1.GrantLease{LeaseId: id, TtlMs: ms},
		}})
		if err != nil || result.GetRefusal() != nil {
			t.Fatal(result, err)
		}
	}
	if got := timeToLive(t, s.native, 1); got.GetTTL() != 60 || got.GetGrantedTTL() != 60 {
		t.Errorf("a session of 60.9 s: %v", got)
	}
	grant(t, s.native, -4, 70)
	for port, conn := range s.ports() {
		res, err := pb.NewLeaseClient(conn).LeaseLeases(within(t), &pb.LeaseLeasesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		checkHeader(t, port, res.GetHeader())
		var ids []int64
		for _, lease := range res.GetLeases() {
			ids = append(ids, lease.GetID())
		}
		if diff := cmp.Diff([]int64{2, 1, -4, 3}, ids); diff != "" {
			t.Errorf("%s: by expiry: %s", port, diff)
		}
	}
}

func TestLeaseKeepAlive(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		lease := grant(t, conn, 0, 10).GetID()
		stream := keepAlive(t, conn)
		ask := func(id int64) *pb.LeaseKeepAliveResponse {
			t.Helper()
			if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: id}); err != nil {
				t.Fatal(err)
			}
			res, err := stream.Recv()
			if err != nil || res.GetID() != id {
				t.Fatalf("%s: %v, %v", port, res, err)
			}
			checkHeader(t, port, res.GetHeader())
			return res
		}
		s.AdvanceClock(8 * time.Second)
		if got := ask(lease); got.GetTTL() != 10 {
			t.Errorf("%s: renewed: %v", port, got)
		}
		if got := timeToLive(t, conn, lease); got.GetTTL() != 9 {
			t.Errorf("%s: after the renewal: %v", port, got)
		}
		if got := ask(99); got.GetTTL() != 0 {
			t.Errorf("%s: of no lease: %v", port, got)
		}
		if _, err := pb.NewLeaseClient(conn).LeaseRevoke(within(t), &pb.LeaseRevokeRequest{ID: lease}); err != nil {
			t.Fatal(err)
		}
		if got := ask(lease); got.GetTTL() != 0 {
			t.Errorf("%s: of a revoked lease: %v", port, got)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the stream ended with %v", port, err)
		}
	}
}

// What a client asks for at once is renewed in few commits and answered in order.
func TestLeaseKeepAliveMany(t *testing.T) {
	const many = 3000
	s := newSite(t)
	where, err := s.Namespace(within(t), etcd.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	for id := int64(1); id <= 10; id++ {
		grant(t, s.native, id, 10)
	}
	stream := keepAlive(t, s.native)
	before := applied(s, where.Shard)
	go func() {
		for i := range int64(many) {
			if stream.Send(&pb.LeaseKeepAliveRequest{ID: i%11 + 1}) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	for i := range int64(many) {
		res, err := stream.Recv()
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		want := int64(10)
		if i%11 == 10 {
			want = 0
		}
		if res.GetID() != i%11+1 || res.GetTTL() != want {
			t.Fatalf("answer %d: %v", i, res)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
	if commits := applied(s, where.Shard) - before; commits > many/4 {
		t.Errorf("%d renewals took %d commits", many, commits)
	}
}

// applied is a shard's index on a site.
func applied(s *site, shard uint64) uint64 {
	for _, status := range s.Status().Shards {
		if status.Shard == shard {
			return status.Applied
		}
	}
	return 0
}

// A lease that expires takes its keys with it.
func TestLeaseExpires(t *testing.T) {
	s := newSite(t)
	lease := grant(t, s.native, 0, 60).GetID()
	watch := openWatch(t, s.connect)
	watch.create(&pb.WatchCreateRequest{Key: []byte("k")})
	write(t, s.native, "k", "x", lease)
	s.AdvanceClock(time.Minute)
	if got := watch.wait(2)[1]; !strings.HasPrefix(got, "-k@") {
		t.Errorf("instead of the deletion: %s", got)
	}
	if got := timeToLive(t, s.native, lease); got.GetTTL() != -1 {
		t.Errorf("after the end: %v", got)
	}
	_, err := pb.NewKVClient(s.native).Put(within(t), &pb.PutRequest{Key: []byte("k"), Lease: lease})
	wantError(t, "put", rpctypes.ErrGRPCLeaseNotFound, err)
}

func TestKeepAliveStreamDrains(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		stream := keepAlive(t, conn)
		if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_, err := stream.Recv()
			wantError(t, port, rpctypes.ErrGRPCStopped, err)
		}()
	}
	s.api.Drain()
}
