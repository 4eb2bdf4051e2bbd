package clientv3

import (
	"errors"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refused fails the test unless an error is the one that etcd's clients know it
// by.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func testErrors(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	k, lease := key(t, "k"), clientv3.LeaseID(0x7a11)
	if _, err := c.Grant(ctx, 60); err != nil {
		t.Fatal(err)
	}
	var puts []clientv3.Op
	for range 129 {
		puts = append(puts, clientv3.OpGet(k))
	}
	for _, call := range []struct {
		what string
		want error
		code codes.Code
		do   func() error
	}{
		{"put without a key", rpctypes.ErrEmptyKey, codes.InvalidArgument, func() error { _, err := c.Put(ctx, "", "v"); return err }},
		{"get without a key", rpctypes.ErrEmptyKey, codes.InvalidArgument, func() error { _, err := c.Get(ctx, ""); return err }},
		{"delete without a key", rpctypes.ErrEmptyKey, codes.InvalidArgument, func() error { _, err := c.Delete(ctx, ""); return err }},
		{"a value twice", rpctypes.ErrValueProvided, codes.InvalidArgument, func() error { _, err := c.Put(ctx, k, "v", clientv3.WithIgnoreValue()); return err }},
		{"a lease twice", rpctypes.ErrLeaseProvided, codes.InvalidArgument, func() error {
			_, err := c.Put(ctx, k, "v", clientv3.WithLease(1), clientv3.WithIgnoreLease())
			return err
		}},
		{"the value of nothing", rpctypes.ErrKeyNotFound, codes.InvalidArgument, func() error { _, err := c.Put(ctx, k, "", clientv3.WithIgnoreValue()); return err }},
		{"an unknown lease", rpctypes.ErrLeaseNotFound, codes.NotFound, func() error { _, err := c.Put(ctx, k, "v", clientv3.WithLease(lease)); return err }},
		{"revoke nothing", rpctypes.ErrLeaseNotFound, codes.NotFound, func() error { _, err := c.Revoke(ctx, lease); return err }},
		{"keep nothing alive", rpctypes.ErrLeaseNotFound, codes.Unknown, func() error { _, err := c.KeepAliveOnce(ctx, lease); return err }},
		{"a lease for too long", rpctypes.ErrLeaseTTLTooLarge, codes.OutOfRange, func() error { _, err := c.Grant(ctx, 9_000_000_001); return err }},
		{"too many operations", rpctypes.ErrTooManyOps, codes.InvalidArgument, func() error { _, err := c.Txn(ctx).Then(puts...).Commit(); return err }},
		{"the same key twice", rpctypes.ErrDuplicateKey, codes.InvalidArgument, func() error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut(k, "1"), clientv3.OpPut(k, "2")).Commit()
			return err
		}},
		{"put and delete", rpctypes.ErrDuplicateKey, codes.InvalidArgument, func() error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut(k, "1"), clientv3.OpDelete(k)).Commit()
			return err
		}},
		{"the same key in a transaction inside", rpctypes.ErrDuplicateKey, codes.InvalidArgument, func() error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut(k, "1"), clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut(k, "2")}, nil)).Commit()
			return err
		}},
		{"a wrong order", rpctypes.ErrInvalidSortOption, codes.InvalidArgument, func() error {
			_, err := c.Get(ctx, k, clientv3.WithSort(clientv3.SortByKey, 7))
			return err
		}},
		{"a wrong target", rpctypes.ErrInvalidSortOption, codes.InvalidArgument, func() error {
			_, err := c.Get(ctx, k, clientv3.WithSort(9, clientv3.SortAscend))
			return err
		}},
		{"a future revision", rpctypes.ErrFutureRev, codes.OutOfRange, func() error { _, err := c.Get(ctx, k, clientv3.WithRev(1<<60)); return err }},
		{"a future revision in a transaction", rpctypes.ErrFutureRev, codes.OutOfRange, func() error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut(k, "1"), clientv3.OpGet(k, clientv3.WithRev(1<<60))).Commit()
			return err
		}},
		{"a leader that there is not", rpctypes.ErrBadLeaderTransferee, codes.FailedPrecondition, func() error { _, err := c.MoveLeader(ctx, 12345); return err }},
		{"a hash of the future", rpctypes.ErrFutureRev, codes.OutOfRange, func() error { _, err := c.HashKV(ctx, s.endpoint, 1<<60); return err }},
	} {
		err := call.do()
		refused(t, call.what, err, call.want)
		var known rpctypes.EtcdError
		if errors.As(err, &known) && known.Code() != call.code && call.code != codes.Unknown {
			t.Errorf("%s: code %v, want %v", call.what, known.Code(), call.code)
		}
	}
	if got, err := c.Get(ctx, k); err != nil || got.Count != 0 {
		t.Errorf("something that was refused left %v, %v", got, err)
	}
}

// What is refused before it is looked at, and a lease that exists.
func testLimits(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	k := key(t, "k")
	_, err := c.Put(ctx, k, strings.Repeat("x", 1_600_000))
	refused(t, "a large put", err, rpctypes.ErrRequestTooLarge)
	if _, err := c.Put(ctx, k, strings.Repeat("x", 1_400_000)); err != nil {
		t.Errorf("a put that is not too large: %v", err)
	}
	if got, err := c.Get(ctx, k); err != nil || len(got.Kvs[0].Value) != 1_400_000 {
		t.Errorf("a large get: %v", err)
	}
	_, err = c.Put(ctx, k, strings.Repeat("x", 3_000_000))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a put that the client does not send: %v", err)
	}
	canceled, cancel := clientContext(t)
	cancel()
	if _, err := c.Get(canceled, k); !errors.Is(err, canceled.Err()) {
		t.Errorf("a call that was given up: %v", err)
	}
}
