package etcd_test

import (
	"context"
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc"
)

// lineOf is the keys of a lock or an election, the first to come first.
func lineOf(t *testing.T, conn *grpc.ClientConn, name string) []*mvccpb.KeyValue {
	t.Helper()
	res, err := pb.NewKVClient(conn).Range(within(t), &pb.RangeRequest{
		Key: []byte(name + "/"), RangeEnd: []byte(name + "0"), SortTarget: pb.RangeRequest_CREATE,
	})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetKvs()
}

// waitLine waits until so many keys are in a line.
func waitLine(t *testing.T, conn *grpc.ClientConn, name string, length int) []*mvccpb.KeyValue {
	t.Helper()
	var line []*mvccpb.KeyValue
	eventually(t, func() error {
		if line = lineOf(t, conn, name); len(line) != length {
			return fmt.Errorf("%d keys in the line of %s: %v, want %d", len(line), name, line, length)
		}
		return nil
	})
	return line
}

// answer is what a call that waits has given.
type answer[Res any] struct {
	res Res
	err error
}

// later calls what waits, while the test goes on.
func later[Res any](ctx context.Context, call func(context.Context) (Res, error)) <-chan answer[Res] {
	answers := make(chan answer[Res], 1)
	go func() {
		res, err := call(ctx)
		answers <- answer[Res]{res, err}
	}()
	return answers
}

// take waits for an answer.
func take[Res any](t *testing.T, answers <-chan answer[Res]) (Res, error) {
	t.Helper()
	select {
	case a := <-answers:
		return a.res, a.err
	case <-within(t).Done():
		t.Fatal("there is no answer")
		panic("unreachable")
	}
}

// waits fails the test if there is an answer.
func waits[Res any](t *testing.T, answers <-chan answer[Res]) {
	t.Helper()
	select {
	case a := <-answers:
		t.Fatalf("it did not wait: %v %v", a.res, a.err)
	default:
	}
}

func lock(t *testing.T, conn *grpc.ClientConn, name string, lease int64) *v3lockpb.LockResponse {
	t.Helper()
	res, err := v3lockpb.NewLockClient(conn).Lock(within(t), &v3lockpb.LockRequest{Name: []byte(name), Lease: lease})
	if err != nil {
		t.Fatalf("lock %s: %v", name, err)
	}
	checkHeader(t, "lock", res.GetHeader())
	return res
}

func lockLater(ctx context.Context, conn *grpc.ClientConn, name string, lease int64) <-chan answer[*v3lockpb.LockResponse] {
	return later(ctx, func(ctx context.Context) (*v3lockpb.LockResponse, error) {
		return v3lockpb.NewLockClient(conn).Lock(ctx, &v3lockpb.LockRequest{Name: []byte(name), Lease: lease})
	})
}

func unlock(t *testing.T, conn *grpc.ClientConn, key []byte) {
	t.Helper()
	res, err := v3lockpb.NewLockClient(conn).Unlock(within(t), &v3lockpb.UnlockRequest{Key: key})
	if err != nil {
		t.Fatalf("unlock %s: %v", key, err)
	}
	checkHeader(t, "unlock", res.GetHeader())
}

func revoke(t *testing.T, conn *grpc.ClientConn, lease int64) {
	t.Helper()
	if _, err := pb.NewLeaseClient(conn).LeaseRevoke(within(t), &pb.LeaseRevokeRequest{ID: lease}); err != nil {
		t.Fatal(err)
	}
}

// leases are the ids of all leases.
func leases(t *testing.T, conn *grpc.ClientConn) (ids []int64) {
	t.Helper()
	list, err := pb.NewLeaseClient(conn).LeaseLeases(within(t), &pb.LeaseLeasesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range list.GetLeases() {
		ids = append(ids, lease.GetID())
	}
	return ids
}
