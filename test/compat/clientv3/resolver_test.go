package clientv3

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/naming/resolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

// backend is a tiny service that can be found.
func backend(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

// A gRPC client finds the backends of a service by its name, balances its calls
// among them, and follows when they come and go.
func testResolver(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	service := key(t, "service")
	manager, err := endpoints.NewManager(c, service)
	if err != nil {
		t.Fatal(err)
	}
	one, two := backend(t), backend(t)
	lease, err := c.Grant(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.AddEndpoint(ctx, service+"/1", endpoints.Endpoint{Addr: one, Metadata: "first"}, clientv3.WithLease(lease.ID)); err != nil {
		t.Fatal(err)
	}
	builder, err := resolver.NewBuilder(c)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("etcd:///"+service,
		grpc.WithResolvers(builder),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	reaches(t, conn, one)
	if err := manager.AddEndpoint(ctx, service+"/2", endpoints.Endpoint{Addr: two}); err != nil {
		t.Fatal(err)
	}
	reaches(t, conn, one, two)
	all, err := manager.List(ctx)
	if err != nil || len(all) != 2 || all[service+"/1"].Metadata != "first" {
		t.Errorf("the endpoints are %v, %v", all, err)
	}
	if _, err := c.Revoke(ctx, lease.ID); err != nil {
		t.Fatal(err)
	}
	reaches(t, conn, two)
	if err := manager.DeleteEndpoint(ctx, service+"/2"); err != nil {
		t.Error(err)
	}
}

// reaches waits until calls go to exactly these backends.
func reaches(t *testing.T, conn *grpc.ClientConn, want ...string) {
	t.Helper()
	rig.Eventually(t, func(ctx context.Context) error {
		found := make(map[string]bool)
		for range 4 * len(want) {
			var to peer.Peer
			if _, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.Peer(&to), grpc.WaitForReady(true)); err != nil {
				return err
			}
			found[to.Addr.String()] = true
		}
		for _, address := range want {
			if !found[address] {
				return fmt.Errorf("%s is not called", address)
			}
		}
		if len(found) != len(want) {
			return fmt.Errorf("calls go to %v, want %v", found, want)
		}
		return nil
	})
}
