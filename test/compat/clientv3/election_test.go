package clientv3

import (
	"errors"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func testElection(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	name := key(t, "e")
	first, second := concurrency.NewElection(session(t, c), name), concurrency.NewElection(session(t, s.client(t)), name)
	if _, err := first.Leader(ctx); !errors.Is(err, concurrency.ErrElectionNoLeader) {
		t.Errorf("the leader of nobody: %v", err)
	}
	if err := first.Campaign(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	leads := func(who *concurrency.Election, value string) {
		t.Helper()
		r, err := second.Leader(ctx)
		if err != nil || string(r.Kvs[0].Key) != who.Key() || r.Kvs[0].CreateRevision != who.Rev() || string(r.Kvs[0].Value) != value {
			t.Errorf("%v leads, %v, want %s of %s", r, err, value, who.Key())
		}
	}
	leads(first, "alice")
	if err := first.Proclaim(ctx, "alice, still"); err != nil {
		t.Error(err)
	}
	leads(first, "alice, still")
	won := make(chan error, 1)
	candidates := c.Watch(ctx, name, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-candidates
	go func() { won <- second.Campaign(ctx, "bob") }()
	next(t, candidates)
	leads(first, "alice, still")
	if err := first.Resign(ctx); err != nil {
		t.Error(err)
	}
	if err := <-won; err != nil {
		t.Fatal(err)
	}
	leads(second, "bob")
	if err := first.Proclaim(ctx, "alice"); !errors.Is(err, concurrency.ErrElectionNotLeader) {
		t.Errorf("who does not lead proclaims: %v", err)
	}
	// Another process of the leader goes on with its session.
	resumed := concurrency.ResumeElection(session(t, c), name, second.Key(), second.Rev())
	if err := resumed.Proclaim(ctx, "bob again"); err != nil {
		t.Error(err)
	}
	leads(second, "bob again")
	if err := resumed.Resign(ctx); err != nil {
		t.Error(err)
	}
	if _, err := second.Leader(ctx); !errors.Is(err, concurrency.ErrElectionNoLeader) {
		t.Errorf("all have resigned: %v", err)
	}
}

func testElectionObserved(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	name := key(t, "e")
	observed := concurrency.NewElection(session(t, s.client(t)), name).Observe(ctx)
	sees := func(value string) {
		t.Helper()
		for r := range observed { // what was proclaimed before may come first
			if string(r.Kvs[0].Value) == value {
				return
			}
		}
		t.Fatalf("the observer ends before it sees %s", value)
	}
	mine := session(t, c)
	e := concurrency.NewElection(mine, name)
	if err := e.Campaign(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	sees("1")
	if err := e.Proclaim(ctx, "2"); err != nil {
		t.Fatal(err)
	}
	sees("2")
	other := concurrency.NewElection(session(t, s.client(t)), name)
	won := make(chan error, 1)
	go func() { won <- other.Campaign(ctx, "3") }()
	// The leader's session is lost.
	if _, err := c.Revoke(ctx, mine.Lease()); err != nil {
		t.Fatal(err)
	}
	if err := <-won; err != nil {
		t.Fatal(err)
	}
	sees("3")
	if err := other.Resign(ctx); err != nil {
		t.Error(err)
	}
	if err := other.Campaign(ctx, "4"); err != nil {
		t.Fatal(err)
	}
	sees("4")
}
