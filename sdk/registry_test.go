package conclave_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

func TestRegistry(t *testing.T) {
	c := alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a, b := open(t, c), open(t, c)

	var reg *conclave.Registration
	var seen []string
	for update, err := range c.WatchInstances(ctx, "api") {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			break
		}
		var all []string
		for _, i := range update.Instances {
			all = append(all, i.ID+" "+i.Status.String())
		}
		seen = append(seen, strings.Join(all, ", "))
		switch len(seen) {
		case 1:
			if !update.Snapshot {
				t.Error("it does not begin with a snapshot")
			}
			reg, err = a.Register(ctx, conclave.Instance{
				Service: "api", ID: "1", Address: "10.0.0.1:80", Metadata: map[string]string{"v": "1"},
			})
		case 2:
			if got := reg.Instance(); got.Weight != 1 || got.Status != conclave.Serving || got.Lease != a.ID() {
				t.Errorf("%+v", got)
			}
			_, err = b.Register(ctx, conclave.Instance{Service: "api", ID: "1"})
			if !errors.Is(err, conclave.ErrInstanceExists) {
				t.Errorf("another session: %v", err)
			}
			_, err = b.Register(ctx, conclave.Instance{Service: "api", ID: "2"})
		case 3:
			err = reg.Drain(ctx)
		case 4:
			err = b.Close(ctx)
		case 5:
			if len(update.Changes) != 1 || !update.Changes[0].Removed || update.Changes[0].Instance.ID != "2" {
				t.Errorf("%+v", update.Changes)
			}
			err = reg.Deregister(ctx)
		case 6:
			cancel()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "|1 serving|1 serving, 2 serving|1 draining, 2 serving|1 draining|"
	if got := strings.Join(seen, "|"); got != want {
		t.Errorf("seen %s\nwant %s", got, want)
	}
	if err := reg.Deregister(t.Context()); err != nil {
		t.Errorf("deregistering what is gone: %v", err)
	}
	if err := reg.Update(t.Context(), conclave.SetWeight(7)); !errors.Is(err, conclave.ErrInstanceNotFound) {
		t.Errorf("%v", err)
	}
}

func TestServices(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	for _, id := range []string{"1", "2"} {
		instance := conclave.Instance{Service: "services/x", ID: id, Weight: 3, Zone: "a"}
		if id == "2" {
			instance.Status = conclave.Starting
		}
		if _, err := s.Register(t.Context(), instance); err != nil {
			t.Fatal(err)
		}
	}
	for service, err := range c.Services(t.Context(), "services/") {
		want := conclave.ServiceInfo{Service: "services/x", Instances: 2, Healthy: 1}
		if err != nil || service != want {
			t.Errorf("%+v, %v", service, err)
		}
	}
	updated, err := c.UpdateInstance(t.Context(), "services/x", "1", conclave.SetStatus(conclave.Warning),
		conclave.SetWeight(9), conclave.SetMetadata(map[string]string{"by": "ann"}))
	if err != nil || updated.Status != conclave.Warning || updated.Weight != 9 || updated.Metadata["by"] != "ann" {
		t.Errorf("%+v, %v", updated, err)
	}
	if err := c.DeregisterInstance(t.Context(), "services/x", "1"); err != nil {
		t.Error(err)
	}
	count := 0
	for instance, err := range c.Instances(t.Context(), "services/x") {
		if err != nil || instance.ID != "2" {
			t.Errorf("%+v, %v", instance, err)
		}
		count++
	}
	if count != 1 {
		t.Errorf("%d instances", count)
	}
}

// Who registered an instance is told that somebody removed it.
func TestRegistrationEnds(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	register := func(id string) *conclave.Registration {
		t.Helper()
		reg, err := s.Register(t.Context(), conclave.Instance{Service: "api", ID: id, Address: "10.0.0.1:80"})
		if err != nil {
			t.Fatal(err)
		}
		return reg
	}
	removed, again, own, closed := register("1"), register("2"), register("3"), register("4")
	for _, reg := range []*conclave.Registration{removed, own, closed} {
		if err := reg.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.DeregisterInstance(t.Context(), "api", "1"); err != nil {
		t.Fatal(err)
	}
	if cause := ended(t, removed.Context()); !errors.Is(cause, conclave.ErrLost) || cause.Error() != "somebody deregistered it" {
		t.Errorf("removed: %v", cause)
	}

	// Nobody listened meanwhile.
	if err := c.DeregisterInstance(t.Context(), "api", "2"); err != nil {
		t.Fatal(err)
	}
	second := register("2")
	if cause := ended(t, again.Context()); !errors.Is(cause, conclave.ErrLost) {
		t.Errorf("registered again: %v", cause)
	}
	if err := second.Drain(t.Context()); err != nil || second.Context().Err() != nil {
		t.Errorf("drained: %v, %v", err, second.Context().Err())
	}

	if err := own.Deregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	if cause := ended(t, own.Context()); !errors.Is(cause, conclave.ErrReleased) {
		t.Errorf("own: %v", cause)
	}
	if _, err := c.RevokeLease(t.Context(), s.ID(), "maintenance"); err != nil {
		t.Fatal(err)
	}
	if cause := ended(t, closed.Context()); !errors.Is(cause, conclave.ErrSessionLost) {
		t.Errorf("session: %v", cause)
	}
}
