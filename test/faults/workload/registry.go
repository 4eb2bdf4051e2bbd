package workload

import (
	"context"
	"fmt"
	"slices"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
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

// registry: instances register and deregister or vanish, one half of them under
// sessions that renew themselves, the other under leases whose renewals are on
// record. Discoverers read and watch.
func registry(l *Load) finish {
	rig := &registryRig{leases: &leaseRig{load: l, singles: l.pool.singles()}}
	for i := range registryServices {
		rig.services = append(rig.services, fmt.Sprintf("service-%d", i))
	}
	for n, c := range l.hire(history.Registry, mix{clients: registryInstances, rate: registryTurns}) {
		i := &instance{member: member{client: c}, rig: rig}
		turn := i.turn
		if n%2 == 0 {
			turn = i.turnLeased
		}
		l.clients.Go(func() {
			defer i.leave()
			for c.next() {
				turn()
			}
		})
	}
	readers := l.hire(history.Registry, mix{clients: registryReaders, rate: registryReads})
	for _, c := range readers {
		l.clients.Go(func() {
			for c.next() {
				_ = rig.discover(l.life, c, rig.services[c.rand.IntN(len(rig.services))])
			}
		})
	}
	for n, c := range l.hire(history.Registry, mix{clients: registryWatchers, rate: 1}) {
		l.watchers.Go(func() { c.discoverAll(l.life, rig.services[n%len(rig.services)]) })
	}
	return func(ctx context.Context) error {
		for _, c := range readers {
			for _, service := range rig.services {
				if err := lastly(ctx, func() error { return rig.discover(ctx, c, service) }); err != nil {
					return fmt.Errorf("workload: the instances of %q cannot be read: %w", service, err)
				}
			}
		}
		return nil
	}
}

// registryRig is what instances and discoverers share.
type registryRig struct {
	services []string
	leases   *leaseRig
}

// discover reads who serves. The SDK does not tell the revision, so a node is asked
// directly. The error says that there was no answer.
func (g *registryRig) discover(life context.Context, c *client, service string) error {
	at := c.choose(g.leases.singles)
	r := c.begin(history.InstancesSeen)
	r.Key, r.Node = service, at.url
	ctx, cancel := context.WithTimeout(life, deadlines[len(deadlines)-1])
	defer cancel()
	res, err := at.registry.ListInstances(ctx, &conclavev1.ListInstancesRequest{Namespace: c.namespace, Service: service, Limit: 1000})
	r.Revision = res.GetRevision()
	for _, found := range res.GetInstances() {
		r.Values = append(r.Values, found.GetId())
	}
	slices.Sort(r.Values)
	err = toldBy(err)
	c.read(&r, err)
	return err
}

// discoverAll records what a watcher of a service is told, over all ends of its
// watch: each has a number of its own.
func (c *client) discoverAll(life context.Context, service string) {
	for nap.Take(life, c.pause()) {
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
