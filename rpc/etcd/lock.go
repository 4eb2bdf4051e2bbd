package etcd

import (
	"context"
	"errors"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errSessionExpired is what etcd says when a lock's key is gone.
var errSessionExpired = status.Error(codes.Unknown, "mutex: session is expired")

// lockServer is etcd's Lock service. A lock is a line of keys, see place, which
// those of client/v3/concurrency stand in, too.
type lockServer struct {
	*Server
	v3lockpb.UnsafeLockServer
}

var _ v3lockpb.LockServer = lockServer{}

// Lock waits for a lock, and returns the key that stands for it as long as the
// lease lives. Whose session has it already has it again. Without a lease it ends
// a minute after it was got. Who goes away while waiting leaves nothing behind.
func (s lockServer) Lock(ctx context.Context, req *v3lockpb.LockRequest) (_ *v3lockpb.LockResponse, err error) {
	defer uncoded(&err)
	ctx, done := s.untilDrained(ctx)
	defer done()
	p, err := s.join(ctx, req.GetName(), nil, req.GetLease())
	if err != nil {
		return nil, err
	}
	revision, err := p.wait(ctx)
	if err != nil {
		p.withdraw(err)
		if errors.Is(err, errPlaceLost) {
			return nil, errSessionExpired
		}
		return nil, s.explain(ctx, err)
	}
	return &v3lockpb.LockResponse{Header: s.header(p.where.Shard, revision), Key: []byte(p.key)}, nil
}

// Unlock deletes a key, as etcd does, whatever it is.
func (s lockServer) Unlock(ctx context.Context, req *v3lockpb.UnlockRequest) (_ *v3lockpb.UnlockResponse, err error) {
	defer uncoded(&err)
	res, err := kvServer{Server: s.Server}.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: req.GetKey()})
	if err != nil {
		return nil, err
	}
	return &v3lockpb.UnlockResponse{Header: res.GetHeader()}, nil
}
