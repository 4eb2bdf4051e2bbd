package conclave_test

import (
	"errors"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

func TestNamespaces(t *testing.T) {
	ctx := t.Context()
	c := dial(t)
	if _, err := dial(t, conclave.WithNamespace("billing")).Put(ctx, "a", "b"); !errors.Is(err, conclave.ErrNamespaceNotFound) {
		t.Errorf("before it is made: %v", err)
	}
	made, err := c.CreateNamespace(ctx, "billing")
	if err != nil || made.Name != "billing" || made.Shard == 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := c.CreateNamespace(ctx, "billing"); !errors.Is(err, conclave.ErrNamespaceExists) {
		t.Errorf("again: %v", err)
	}
	billing := dial(t, conclave.WithNamespace("billing"))
	if _, err := billing.Put(ctx, "of/billing", "b"); err != nil {
		t.Error(err)
	}
	if _, err := c.Get(ctx, "of/billing"); !errors.Is(err, conclave.ErrKeyNotFound) {
		t.Errorf("seen from outside: %v", err)
	}
	all, err := c.Namespaces(ctx)
	if err != nil || len(all) < 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := c.DeleteNamespace(ctx, "billing"); err != nil {
		t.Error(err)
	}
}

func TestCluster(t *testing.T) {
	ctx := t.Context()
	c := dial(t)
	id, members, err := c.Members(ctx)
	if err != nil || id == 0 || len(members) != 1 || !members[0].IsLeader {
		t.Errorf("%d, %+v, %v", id, members, err)
	}
	status, err := c.Status(ctx, endpoints[0])
	if err != nil || !status.IsLeader || status.ClusterID != id || len(status.Shards) < 3 {
		t.Errorf("%+v, %v", status, err)
	}
	if err := c.Health(ctx, endpoints[0]); err != nil {
		t.Error(err)
	}
	for _, ask := range []func() error{
		func() error { return c.Health(ctx, "127.0.0.1:1") },
		func() error { _, err := c.Status(ctx, "127.0.0.1:1"); return err },
	} {
		if err := ask(); !errors.Is(err, conclave.ErrUnavailable) {
			t.Errorf("nobody listens: %v", err)
		}
	}
	shards, err := c.CompareHashes(ctx)
	if err != nil || len(shards) < 3 {
		t.Fatalf("%+v, %v", shards, err)
	}
	for _, shard := range shards {
		if !shard.Equal {
			t.Errorf("%+v", shard)
		}
	}
}

func TestLeases(t *testing.T) {
	ctx := t.Context()
	c := alone(t)
	id, err := c.GrantLease(ctx, conclave.WithTTL(1e9*60), conclave.WithLeaseID(4711))
	if err != nil || id != 4711 {
		t.Fatalf("%d, %v", id, err)
	}
	if _, err := c.GrantLease(ctx, conclave.WithLeaseID(4711)); !errors.Is(err, conclave.ErrLeaseExists) {
		t.Errorf("again: %v", err)
	}
	if _, err := c.Put(ctx, "lease/a", "", conclave.WithLease(id)); err != nil {
		t.Fatal(err)
	}
	lease, err := c.GetLease(ctx, id)
	if err != nil || lease.Remaining <= 0 || len(lease.Keys) != 1 {
		t.Errorf("%+v, %v", lease, err)
	}
	if ttl, err := c.RenewLease(ctx, id); err != nil || ttl != 1e9*60 {
		t.Errorf("%v, %v", ttl, err)
	}
	found := false
	for lease, err := range c.Leases(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		found = found || lease.ID == id
	}
	released, err := c.RevokeLease(ctx, id, "")
	if err != nil || released != 1 || !found {
		t.Errorf("%d released, listed %v; %v", released, found, err)
	}
	if _, err := c.RenewLease(ctx, id); !errors.Is(err, conclave.ErrLeaseNotFound) {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := c.GrantLease(ctx, conclave.WithTTL(-1)); !errors.Is(err, conclave.ErrInvalid) {
		t.Errorf("a negative TTL: %v", err)
	}
}
