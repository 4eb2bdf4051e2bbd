package clientv3

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
)

func testHealth(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	health := grpc_health_v1.NewHealthClient(c.ActiveConnection())
	if r, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil || r.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", r, err)
	}
	if !s.conclave {
		return // etcd does not tell its services
	}
	services, err := listServices(ctx, grpc_reflection_v1.NewServerReflectionClient(c.ActiveConnection()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"etcdserverpb.KV", "etcdserverpb.Watch", "etcdserverpb.Lease", "etcdserverpb.Cluster",
		"etcdserverpb.Maintenance", "etcdserverpb.Auth", "v3lockpb.Lock", "v3electionpb.Election"} {
		if !slices.Contains(services, want) {
			t.Errorf("reflection does not tell of %s: %q", want, services)
		}
	}
}

func listServices(ctx context.Context, reflection grpc_reflection_v1.ServerReflectionClient) ([]string, error) {
	stream, err := reflection.ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	ask := &grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}
	if err := stream.Send(ask); err != nil {
		return nil, err
	}
	r, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, service := range r.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	return names, stream.CloseSend()
}

func testMaintenance(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	put, err := c.Put(ctx, key(t, "k"), strings.Repeat("x", 100_000))
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Status(ctx, s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if status.Leader == 0 || status.Leader != status.Header.MemberId || status.RaftTerm == 0 || status.RaftIndex == 0 ||
		status.RaftAppliedIndex == 0 || status.DbSize == 0 || status.DbSizeInUse == 0 || status.IsLearner || len(status.Errors) > 0 {
		t.Errorf("status: %v", status)
	}
	if !strings.HasPrefix(status.Version, "3.") || status.Version < "3.7.0" {
		t.Errorf("version %s, want 3.7.0 or later, by which clients find out what they may ask", status.Version)
	}
	hash, err := c.HashKV(ctx, s.endpoint, put.Header.Revision)
	if err != nil || hash.Hash == 0 || hash.HashRevision != put.Header.Revision {
		t.Errorf("hash: %v, %v", hash, err)
	}
	if again, err := c.HashKV(ctx, s.endpoint, put.Header.Revision); err != nil || again.Hash != hash.Hash {
		t.Errorf("the same hash: %v, %v, want %v", again, err, hash)
	}
	if alarms, err := c.AlarmList(ctx); err != nil || len(alarms.Alarms) > 0 {
		t.Errorf("alarms: %v, %v", alarms, err)
	}
	if _, err := c.Defragment(ctx, s.endpoint); err != nil {
		t.Errorf("defragment: %v", err)
	}
	snapshot, err := c.SnapshotWithVersion(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := io.ReadAll(snapshot.Snapshot)
	if err != nil || len(stream) < 2*sha256.Size {
		t.Fatalf("snapshot: %d bytes, %v", len(stream), err)
	}
	content, sum := stream[:len(stream)-sha256.Size], stream[len(stream)-sha256.Size:]
	if want := sha256.Sum256(content); !slices.Equal(want[:], sum) || len(content)%512 != 0 || snapshot.Version == "" {
		t.Errorf("a snapshot of %d bytes and version %q does not end with its checksum", len(content), snapshot.Version)
	}
}

func testMembers(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	members, err := c.MemberList(ctx)
	if err != nil || len(members.Members) != 1 {
		t.Fatalf("members: %v, %v", members, err)
	}
	m := members.Members[0]
	status, err := c.Status(ctx, s.endpoint)
	if err != nil || m.ID != status.Header.MemberId || m.Name != "n1" || m.IsLearner || len(m.PeerURLs) != 1 || len(m.ClientURLs) == 0 {
		t.Errorf("the member is %v, and calls itself %v, %v", m, status, err)
	}
	// A client can find out where the members are, and goes on with that.
	if err := c.Sync(ctx); err != nil || len(c.Endpoints()) != len(m.ClientURLs) {
		t.Errorf("sync: %q, %v", c.Endpoints(), err)
	}
	if _, err := c.Get(ctx, key(t, "k")); err != nil {
		t.Errorf("a call after sync: %v", err)
	}
	if !s.conclave {
		return // etcd would change
	}
	for what, change := range map[string]func() error{
		"add":     func() error { _, err := c.MemberAdd(ctx, []string{"http://127.0.0.1:1"}); return err },
		"learner": func() error { _, err := c.MemberAddAsLearner(ctx, []string{"http://127.0.0.1:1"}); return err },
		"remove":  func() error { _, err := c.MemberRemove(ctx, m.ID); return err },
		"update":  func() error { _, err := c.MemberUpdate(ctx, m.ID, []string{"http://127.0.0.1:1"}); return err },
		"promote": func() error { _, err := c.MemberPromote(ctx, m.ID); return err },
	} {
		if err := change(); err == nil || strings.Contains(err.Error(), "not implemented") {
			t.Errorf("member %s: %v, want a clear refusal", what, err)
		}
	}
}
