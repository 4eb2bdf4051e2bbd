package importing

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// patience is how long anything may take that a test waits for.
const patience = time.Minute

// within ends a test's calls in time.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// server is a real etcd in this process, and a connection to it.
type server struct {
	t      *testing.T
	config *embed.Config
	etcd   *embed.Etcd
	url    string
	conn   *grpc.ClientConn

	pb.KVClient
	pb.LeaseClient
	pb.WatchClient
	pb.AuthClient
}

// startEtcd runs etcd with its defaults, but that it does not sync to disk.
func startEtcd(t *testing.T) *server {
	t.Helper()
	return startEtcdWith(t, func(*embed.Config) {})
}

// startEtcdWith runs an etcd with other settings.
func startEtcdWith(t *testing.T, change func(*embed.Config)) *server {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = filepath.Join(t.TempDir(), "etcd")
	config.UnsafeNoFsync = true
	config.EnableGRPCGateway = false
	config.LogLevel = "fatal"
	config.LogOutputs = []string{"stderr"}
	config.BcryptCost = 4
	config.MaxRequestBytes = 4 << 20
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = free, free
	config.ListenPeerUrls, config.AdvertisePeerUrls = free, free
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	change(config)
	s := &server{t: t, config: config}
	t.Cleanup(func() { s.stop() })
	s.start()
	return s
}

// start starts the server, again where it was before.
func (s *server) start() {
	s.t.Helper()
	var err error
	if s.etcd, err = embed.StartEtcd(s.config); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.etcd.Server.ReadyNotify():
	case err := <-s.etcd.Err():
		s.t.Fatal(err)
	case <-within(s.t).Done():
		s.t.Fatal("etcd does not get ready")
	}
	address := s.etcd.Clients[0].Addr().String()
	scheme, security := s.config.ListenClientUrls[0].Scheme, insecure.NewCredentials()
	if scheme == "https" {
		security = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}) // it signs its own
	}
	s.url = scheme + "://" + address
	s.config.ListenClientUrls = []url.URL{{Scheme: scheme, Host: address}}
	if s.conn != nil {
		return
	}
	s.conn, err = grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(security), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.KVClient, s.LeaseClient = pb.NewKVClient(s.conn), pb.NewLeaseClient(s.conn)
	s.WatchClient, s.AuthClient = pb.NewWatchClient(s.conn), pb.NewAuthClient(s.conn)
}

func (s *server) halt() {
	s.etcd.Close()
	s.etcd = nil
}

func (s *server) stop() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.etcd != nil {
		s.halt()
	}
}

// put puts a key and returns the revision.
func (s *server) put(key, value string, lease int64) int64 {
	s.t.Helper()
	res, err := s.Put(within(s.t), &pb.PutRequest{Key: []byte(key), Value: []byte(value), Lease: lease})
	if err != nil {
		s.t.Fatal(err)
	}
	return res.GetHeader().GetRevision()
}

// del deletes keys; an empty end is one key.
func (s *server) del(key, end string) int64 {
	s.t.Helper()
	res, err := s.DeleteRange(within(s.t), &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)})
	if err != nil {
		s.t.Fatal(err)
	}
	return res.GetHeader().GetRevision()
}

// grant grants a lease.
func (s *server) grant(id, ttl int64) {
	s.t.Helper()
	if _, err := s.LeaseGrant(within(s.t), &pb.LeaseGrantRequest{ID: id, TTL: ttl}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) revoke(id int64) {
	s.t.Helper()
	if _, err := s.LeaseRevoke(within(s.t), &pb.LeaseRevokeRequest{ID: id}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) compact(revision int64) {
	s.t.Helper()
	if _, err := s.Compact(within(s.t), &pb.CompactionRequest{Revision: revision, Physical: true}); err != nil {
		s.t.Fatal(err)
	}
}

// fill puts many keys, a hundred in a transaction.
func (s *server) fill(prefix string, n, size int) {
	s.t.Helper()
	value := make([]byte, size)
	for i := 0; i < n; {
		txn := &pb.TxnRequest{}
		for range min(100, n-i) {
			txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{
				Key: fmt.Appendf(nil, "%s%06d", prefix, i), Value: value,
			}}})
			i++
		}
		if _, err := s.Txn(within(s.t), txn); err != nil {
			s.t.Fatal(err)
		}
	}
}

// withUsers turns authentication on: root may do all, reader read keys under a/.
func (s *server) withUsers() {
	s.t.Helper()
	ctx := within(s.t)
	ok := func(_ any, err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	for _, name := range []string{"root", "reader"} {
		ok(s.UserAdd(ctx, &pb.AuthUserAddRequest{Name: name, Password: "secret"}))
		ok(s.RoleAdd(ctx, &pb.AuthRoleAddRequest{Name: name}))
		ok(s.UserGrantRole(ctx, &pb.AuthUserGrantRoleRequest{User: name, Role: name}))
	}
	ok(s.RoleGrantPermission(ctx, &pb.AuthRoleGrantPermissionRequest{Name: "reader", Perm: &authpb.Permission{
		PermType: authpb.Permission_READ, Key: []byte("a/"), RangeEnd: []byte("a0"),
	}}))
	ok(s.AuthEnable(ctx, &pb.AuthEnableRequest{}))
}

// as is a context of a user.
func (s *server) as(name string) context.Context {
	s.t.Helper()
	ctx := within(s.t)
	res, err := s.Authenticate(ctx, &pb.AuthenticateRequest{Name: name, Password: "secret"})
	if err != nil {
		s.t.Fatal(err)
	}
	return metadata.AppendToOutgoingContext(ctx, "token", res.GetToken())
}
