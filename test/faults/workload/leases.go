package workload

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

const (
	leaseOwners    = 24
	leaseObservers = 6
	leaseSightings = 300 // per second
	leaseShortest  = 300 * time.Millisecond
	leaseLongest   = 5 * time.Second
	// leaseFirstID begins the ids that clients choose: each once in a run.
	leaseFirstID = 1 << 40
)

// leases: owners grant leases, attach a key to each, renew them for a while, with
// pauses that some do not survive, and then revoke them or go. Observers look for
// the leases and their keys all the time.
func leases(l *Load) finish {
	rig := &leaseRig{load: l, singles: l.pool.singles()}
	for _, c := range l.hire(history.Leases, mix{clients: leaseOwners, etcd: 4, rate: leaseOwners}) {
		owner := &leaseOwner{client: c, rig: rig}
		l.clients.Go(func() {
			for c.rest(c.between(0, 100*time.Millisecond) + c.pause()) {
				owner.live()
			}
		})
	}
	observers := l.hire(history.Leases, mix{clients: leaseObservers, etcd: 3, rate: leaseSightings})
	for _, c := range observers {
		l.clients.Go(func() {
			for c.next() {
				rig.look(c)
			}
		})
	}
	return func(ctx context.Context) error { return rig.lookToTheEnd(ctx, observers) }
}

// leaseRig is what owners and observers share.
type leaseRig struct {
	load    *Load
	singles []single

	mu    sync.Mutex // protects what follows
	known []*sighting
}

// sighting is a lease that observers look for: its grant, and the write of its key,
// were acknowledged.
type sighting struct {
	lease int64
	key   string

	// Protected by leaseRig.mu.
	due           time.Time // when it ends at the earliest
	gone, keyGone bool
}

func (g *leaseRig) add(lease int64, key string, ttl time.Duration) *sighting {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &sighting{lease: lease, key: key, due: time.Now().Add(ttl)}
	g.known = append(g.known, s)
	return s
}

// renewed puts off when a lease is due.
func (g *leaseRig) renewed(s *sighting, ttl time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.due = time.Now().Add(ttl)
}

// pick chooses a lease, rather one that is about to end, nil if there is none.
func (g *leaseRig) pick(random *rand.Rand) *sighting {
	g.mu.Lock()
	defer g.mu.Unlock()
	var first *sighting
	for range min(3, len(g.known)) {
		s := g.known[random.IntN(len(g.known))]
		if first == nil || s.due.Before(first.due) {
			first = s
		}
	}
	return first
}

// missed notes that a lease, or its key, was not there, and forgets what was missed
// in both ways.
func (g *leaseRig) missed(s *sighting, byKey bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if byKey {
		s.keyGone = true
	} else {
		s.gone = true
	}
	if !s.gone || !s.keyGone {
		return
	}
	for i, other := range g.known {
		if other == s {
			last := len(g.known) - 1
			g.known[i], g.known = g.known[last], g.known[:last]
			return
		}
	}
}

// left is how many leases are still looked for.
func (g *leaseRig) left() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.known)
}

// look asks for one lease, by its id or by its key.
func (g *leaseRig) look(c *client) {
	s := g.pick(c.rand)
	switch {
	case s == nil:
	case c.chance(2):
		g.lookForKey(c, s)
	default:
		g.lookForLease(c, s)
	}
}

func (g *leaseRig) lookForKey(c *client, s *sighting) {
	read := history.Record{Then: []history.Op{get(s.key)}}
	if !c.do(&read) {
		return
	}
	r := read
	r.Kind, r.Lease, r.Key, r.Then, r.Succeeded = history.LeaseSeen, s.lease, s.key, nil, false
	if len(read.Then[0].Found) == 0 {
		r.Kind = history.LeaseGone
		g.missed(s, true)
	}
	c.load.history.Add(r)
}

func (g *leaseRig) lookForLease(c *client, s *sighting) {
	r := c.begin(history.LeaseSeen)
	r.Lease = s.lease
	ctx, cancel := c.deadline()
	defer cancel()
	left, found, err := c.leaseLeft(ctx, s.lease)
	r.Left = left
	if !found && err == nil {
		r.Kind = history.LeaseGone
	}
	if c.read(&r, err) && !found {
		g.missed(s, false)
	}
}

// leaseLeft asks what is left of a lease.
func (c *client) leaseLeft(ctx context.Context, lease int64) (left time.Duration, found bool, err error) {
	if c.etcd != nil {
		res, err := c.etcd.TimeToLive(ctx, clientv3.LeaseID(lease))
		if err != nil || res.TTL < 0 {
			return 0, false, err
		}
		return time.Duration(res.TTL) * time.Second, true, nil
	}
	info, err := c.sdk.GetLease(ctx, conclave.LeaseID(lease))
	if _, reason := judge(err); reason == "LEASE_NOT_FOUND" {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return info.Remaining, true, nil
}

// lookToTheEnd looks until no lease is left that was not renewed any more, but not
// for longer than twice the longest TTL: one that is still there then is on record.
func (g *leaseRig) lookToTheEnd(ctx context.Context, observers []*client) error {
	ctx, cancel := context.WithTimeout(ctx, 2*leaseLongest)
	defer cancel()
	var looking sync.WaitGroup
	for _, c := range observers {
		looking.Go(func() {
			for g.left() > 0 && nap.Take(ctx, 10*time.Millisecond) {
				g.look(c)
			}
		})
	}
	looking.Wait()
	return nil
}
