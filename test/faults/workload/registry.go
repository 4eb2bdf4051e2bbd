package workload

import (
	"context"
	"fmt"
	"slices"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

const (
	registryServices  = 2
	registryInstances = 14
	registryTurns     = 28 // registrations per second
	registryReaders   = 3
	registryReads     = 80 // per second
	registryWatchers  = 4
	registryLongest   = 1500 * time.Millisecond
)

// registry: instances register under sessions that renew themselves, and deregister,
// close their sessions or vanish. Discoverers read and watch.
func registry(l *Load) finish {
	var services []string
	for i := range registryServices {
		services = append(services, fmt.Sprintf("service-%d", i))
	}
	for _, c := range l.hire(history.Registry, mix{clients: registryInstances, rate: registryTurns}) {
		i := &instance{member: member{client: c}, services: services}
		l.clients.Go(func() {
			defer i.leave()
			for c.next() {
				i.turn()
			}
		})
	}
	readers := l.hire(history.Registry, mix{clients: registryReaders, rate: registryReads})
	for _, c := range readers {
		l.clients.Go(func() {
			for c.next() {
				c.discover(l.life, services[c.rand.IntN(len(services))])
			}
		})
	}
	for i, c := range l.hire(history.Registry, mix{clients: registryWatchers, rate: 1}) {
		l.watchers.Go(func() { c.discoverAll(l.life, services[i%len(services)]) })
	}
	return func(ctx context.Context) error {
		for _, c := range readers {
			for _, service := range services {
				c.discover(ctx, service)
			}
		}
		return nil
	}
}

// instance is a client that registers itself, again and again under other names.
type instance struct {
	member
	services []string
}

// turn is one registration from its beginning to its end.
func (i *instance) turn() {
	if !i.join() {
		return
	}
	service, id := i.services[i.rand.IntN(len(i.services))], i.load.value()
	registration := i.register(service, id)
	if registration == nil {
		return
	}
	tenure := i.watch(i.session.Context(), i.loss(service, id))
	i.rest(i.between(0, registryLongest))
	if !tenure.end() {
		return
	}
	switch i.rand.IntN(5) {
	case 0:
		i.lost(i.loss(service, id), "SESSION_CLOSED")
		i.leave()
	case 1:
		i.lost(i.loss(service, id), deserted)
		i.desert()
	default:
		i.deregister(registration)
	}
}

func (i *instance) loss(service, id string) history.Record {
	r := i.begin(history.HoldLost)
	r.Key, r.Value, r.Lease, r.TTL = service, id, int64(i.session.ID()), i.session.TTL()
	return r
}

func (i *instance) register(service, id string) *conclave.Registration {
	r := i.begin(history.Registered)
	r.Key, r.Value, r.Lease, r.TTL = service, id, int64(i.session.ID()), i.session.TTL()
	ctx, cancel := i.deadline()
	defer cancel()
	registration, err := i.session.Register(ctx, conclave.Instance{Service: service, ID: id, Address: "10.0.0.1:80"})
	outcome, reason := asked(err)
	if outcome == history.Unknown && losses[reason] {
		return nil // the session was over: nothing was sent
	}
	i.settle(&r, outcome, reason, err)
	i.count(err)
	if outcome == history.Unknown {
		i.leave()
	}
	return registration
}

func (i *instance) deregister(registration *conclave.Registration) {
	was := registration.Instance()
	r := i.begin(history.Deregistered)
	r.Key, r.Value = was.Service, was.ID
	ctx, cancel := i.deadline()
	defer cancel()
	err := registration.Deregister(ctx)
	i.changed(&r, err)
	if r.Outcome != history.OK {
		i.lost(i.loss(was.Service, was.ID), "SESSION_CLOSED")
		i.leave()
	}
}

// discover reads who serves.
func (c *client) discover(life context.Context, service string) {
	r := c.begin(history.InstancesSeen)
	r.Key = service
	ctx, cancel := context.WithTimeout(life, deadlines[len(deadlines)-1])
	defer cancel()
	var failed error
	for found, err := range c.sdk.Instances(ctx, service) {
		if failed = err; err != nil {
			break
		}
		r.Values = append(r.Values, found.ID)
	}
	slices.Sort(r.Values)
	c.read(&r, failed)
}

// discoverAll records what a watcher of a service is told, over all ends of its
// watch: each has a number of its own.
func (c *client) discoverAll(life context.Context, service string) {
	for pause(life, c.pause()) {
		watcher := c.load.streams.Add(1)
		for update, err := range c.sdk.WatchInstances(life, service) {
			if err != nil {
				c.failures++
				break
			}
			c.failures = 0
			r := c.begin(history.InstancesSeen)
			r.Return = r.Call
			r.Watcher, r.Key, r.Revision = watcher, service, int64(update.Revision)
			for _, found := range update.Instances {
				r.Values = append(r.Values, found.ID)
			}
			slices.Sort(r.Values)
			c.load.history.Add(r)
		}
	}
}
