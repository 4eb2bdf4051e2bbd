package workload

import (
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// instance is a client that registers itself, again and again under other names.
type instance struct {
	member
	rig *registryRig
}

// turn is one registration under a session, from its beginning to its end.
func (i *instance) turn() {
	if !i.join() {
		return
	}
	registration := i.register()
	if registration == nil {
		return
	}
	i.rest(i.between(0, registryLongest))
	switch i.rand.IntN(5) {
	case 0:
		i.leave()
	case 1:
		i.desert()
	default:
		i.deregister(registration)
	}
}

// register gives the instance a name that was not used before. It returns nil when
// it is not registered.
func (i *instance) register() *conclave.Registration {
	r := i.named()
	r.Lease, r.TTL = int64(i.session.ID()), i.session.TTL()
	ctx, cancel := i.deadline()
	defer cancel()
	registration, err := i.session.Register(ctx, conclave.Instance{Service: r.Key, ID: r.Value, Address: "10.0.0.1:80"})
	outcome, reason := asked(err)
	if losses[reason] {
		return nil // the session was over: nothing was sent
	}
	i.settle(&r, outcome, reason, err)
	i.count(err)
	if outcome == history.Unknown {
		i.leave()
	}
	return registration
}

func (i *instance) named() history.Record {
	r := i.begin(history.Registered)
	r.Key, r.Value = i.rig.services[i.rand.IntN(len(i.rig.services))], i.load.value()
	return r
}

// deregister ends the registration, unless its session is over. To remove what is
// gone is no error, so the answer would say nothing then.
func (i *instance) deregister(registration *conclave.Registration) {
	was := registration.Instance()
	r := i.begin(history.Deregistered)
	r.Key, r.Value = was.Service, was.ID
	ctx, cancel := i.deadline()
	defer cancel()
	if i.session.Context().Err() != nil {
		return
	}
	i.changed(&r, registration.Deregister(ctx))
	if r.Outcome != history.OK {
		i.leave()
	}
}

// turnLeased is one registration under a lease that is renewed for a while. It ends
// by a call or with the lease.
func (i *instance) turnLeased() {
	owner := &leaseOwner{client: i.client, rig: i.rig.leases}
	lease, ttl, ok := owner.grant()
	if !ok {
		return
	}
	r := i.named()
	r.Lease, r.TTL = lease, ttl
	at := i.choose(i.rig.leases.singles)
	r.Node = at.url
	ctx, cancel := i.deadline()
	defer cancel()
	_, err := at.registry.RegisterInstance(ctx, &conclavev1.RegisterInstanceRequest{
		Namespace: i.namespace,
		Instance:  &conclavev1.Instance{Service: r.Key, Id: r.Value, Address: "10.0.0.2:80", LeaseId: lease},
	})
	i.changed(&r, toldBy(err))
	if r.Outcome != history.OK {
		return
	}
	for range i.rand.IntN(4) {
		if !i.rest(i.between(ttl/6, ttl/2)) || !owner.renew(lease, ttl) {
			return
		}
	}
	if i.chance(2) {
		end := i.begin(history.Deregistered)
		end.Key, end.Value = r.Key, r.Value
		ctx, cancel := i.deadline()
		defer cancel()
		i.changed(&end, i.sdk.DeregisterInstance(ctx, r.Key, r.Value))
	}
}
