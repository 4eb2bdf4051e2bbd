package etcd

import (
	"context"
	"math"
	"time"
	"unicode/utf8"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
)

// Limits, as etcd has them where it has any.
const (
	// maxRequestBytes bounds a request; maxOverheadBytes is what the wire may add.
	maxRequestBytes  = 3 << 19
	maxOverheadBytes = 512 << 10
	// A client that pings more often is cut off.
	minKeepAlive = 5 * time.Second
	// maxHeaderBytes bounds the metadata of a call; without it 16 MiB are allowed.
	maxHeaderBytes = 64 << 10
	// maxStreams bounds the calls that a connection has open. Without a bound a client
	// that resets streams as fast as it opens them makes calls without number.
	maxStreams = 16 << 10
	// A client that says nothing for that long is asked, and cut off when it does not
	// answer: half a connection would be kept for hours.
	askAfter, answerWithin = time.Minute, 20 * time.Second
)

// streamWorkers is how many goroutines answer one call after the other. A new
// goroutine has to grow its stack for every call, which was a quarter of what a
// read cost; when all of them are busy, there are new ones.
const streamWorkers = 256

// newNative makes the grpc-go server with all services.
func (s *Server) newNative() *grpc.Server {
	native := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxRequestBytes+maxOverheadBytes),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(prefaceTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: askAfter, Timeout: answerWithin}),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minKeepAlive}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	pb.RegisterKVServer(native, kvServer{Server: s})
	pb.RegisterWatchServer(native, watchServer{Server: s})
	pb.RegisterLeaseServer(native, leaseServer{Server: s})
	pb.RegisterClusterServer(native, clusterServer{Server: s})
	pb.RegisterMaintenanceServer(native, maintenanceServer{Server: s})
	pb.RegisterAuthServer(native, authServer{Server: s})
	v3lockpb.RegisterLockServer(native, lockServer{Server: s})
	v3electionpb.RegisterElectionServer(native, electionServer{Server: s})

	serving := health.NewServer()
	serving.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	context.AfterFunc(s.draining, serving.Shutdown)
	healthpb.RegisterHealthServer(native, serving)
	reflection.Register(native)
	return native
}

// unary is around every call with one answer.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	done, err := s.open.call(info.FullMethod, req)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.admit(ctx); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// stream is around every stream.
func (s *Server) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	done, err := s.open.stream()
	if err != nil {
		return err
	}
	defer done()
	if err := s.admit(stream.Context()); err != nil {
		return err
	}
	return handler(srv, stream)
}

// admit refuses what a client said it does not want: to be served by a node that
// knows no leader.
func (s *Server) admit(ctx context.Context) error {
	version := metadata.ValueFromIncomingContext(ctx, rpctypes.MetadataClientAPIVersionKey)
	if len(version) > 0 && !utf8.ValidString(version[0]) {
		return rpctypes.ErrGRPCInvalidClientAPIVersion
	}
	if !wantsLeader(ctx) {
		return nil
	}
	where, err := s.where(ctx)
	if err != nil {
		return s.explain(ctx, err)
	}
	if s.cluster.Standing(where.Shard).LeaderID == 0 {
		return rpctypes.ErrGRPCNoLeader
	}
	return nil
}

// wantsLeader says whether a client asked to be told when there is no leader.
func wantsLeader(ctx context.Context) bool {
	wants := metadata.ValueFromIncomingContext(ctx, rpctypes.MetadataRequireLeaderKey)
	return len(wants) > 0 && wants[0] == rpctypes.MetadataHasLeader
}
