package workload

import (
	"cmp"
	"context"
	"fmt"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

const (
	electionNames      = 2 // of the SDK's clients
	electionClients    = 12
	electionTurns      = 30 // per second
	electionReaders    = 4
	electionReads      = 80 // per second
	electionObservers  = 6
	electionPatience   = 5 * time.Second
	electionSloppy     = 60 // one term in so many is left to itself
	electionProclaims  = 5  // at most, per term
	electionBetween    = 15 * time.Millisecond
	electionForeign    = "line/election/0"
	electionWithoutOne = "NO_LEADER"
)

// elections: candidates stand, lead, proclaim and resign, or leave their sessions to
// themselves; readers ask who leads, and observers are told.
func elections(l *Load) finish {
	var names []string
	for i := range electionNames {
		names = append(names, fmt.Sprintf("election/%d", i))
	}
	singles := l.pool.singles()
	for _, c := range l.hire(history.Elections, mix{clients: electionClients, etcd: 4, rate: electionTurns}) {
		turn, leave := func() {}, func() {}
		if c.etcd != nil {
			k := &foreignCandidate{foreignMember: foreignMember{client: c}}
			turn, leave = k.turn, k.leave
		} else {
			k := &candidate{member: member{client: c}, names: names, singles: singles}
			turn, leave = k.turn, k.leave
		}
		l.clients.Go(func() {
			defer leave()
			for c.next() {
				turn()
			}
		})
	}
	readers := l.hire(history.Elections, mix{clients: electionReaders, etcd: 4, rate: electionReads})
	for _, c := range readers {
		l.clients.Go(func() {
			for c.next() {
				_ = c.readLeader(l.life, names[c.rand.IntN(len(names))])
			}
		})
	}
	for i, c := range l.hire(history.Elections, mix{clients: electionObservers, etcd: 3, rate: 1}) {
		l.watchers.Go(func() { c.observe(l.life, names[i%len(names)], i%2 == 0) })
	}
	free := l.free(history.Elections, nil, nil, names)
	return func(ctx context.Context) error {
		for _, c := range readers {
			for _, name := range names {
				if err := lastly(ctx, func() error { return c.readLeader(ctx, name) }); err != nil {
					return fmt.Errorf("workload: the leader of %q cannot be read: %w", name, err)
				}
			}
		}
		return free(ctx)
	}
}

// candidate is an SDK client that stands for elections.
type candidate struct {
	member
	names   []string
	singles []single

	past     int64 // the last term, which is over
	pastName string
}

// turn is one term, or an attempt at it.
func (k *candidate) turn() {
	if !k.join() {
		return
	}
	name := k.names[k.rand.IntN(len(k.names))]
	if k.past != 0 && k.chance(4) {
		k.proclaim(k.pastName, k.past)
	}
	term := k.campaign(name)
	if term == nil {
		return
	}
	number := int64(term.Number())
	tenure := k.watch(term.Context(), k.loss(name, number))
	for range k.rand.IntN(electionProclaims + 1) {
		k.rest(k.between(0, electionBetween))
		k.proclaim(name, number)
	}
	k.past, k.pastName = number, name
	if k.chance(electionSloppy) {
		if tenure.end() {
			k.lost(k.loss(name, number), deserted)
		}
		k.desert()
		return
	}
	k.resign(name, term, tenure)
}

func (k *candidate) loss(name string, term int64) history.Record {
	r := k.begin(history.TermLost)
	r.Key, r.Token = name, term
	return r
}

// campaign stands in line, sometimes not for long. It returns nil when there is no
// term.
func (k *candidate) campaign(name string) *conclave.Term {
	ctx, cancel := context.WithTimeout(k.load.stopping, electionPatience)
	defer cancel()
	var opts []conclave.CampaignOption
	switch k.rand.IntN(8) {
	case 0:
		var hurry context.CancelFunc
		ctx, hurry = context.WithTimeout(ctx, k.between(time.Millisecond, 100*time.Millisecond))
		defer hurry()
	case 1:
		opts = append(opts, conclave.WithWait(k.between(10*time.Millisecond, 200*time.Millisecond)))
	case 2:
		opts = append(opts, conclave.WithPriority(k.rand.IntN(3)))
	}
	r := k.begin(history.Elected)
	r.Key, r.Value, r.Lease, r.TTL = name, k.load.value(), int64(k.session.ID()), k.session.TTL()
	term, err := k.session.Election(name).Campaign(ctx, r.Value, opts...)
	if err == nil {
		r.Token = int64(term.Number())
	}
	outcome, reason := asked(err)
	k.settle(&r, outcome, reason, err)
	if cut(ctx, outcome, reason) {
		return nil // the SDK gives the place up
	}
	k.count(err)
	if outcome == history.Unknown {
		k.leave()
	}
	return term
}

// proclaim changes the leader's value; for a term that is over it must be refused.
// The SDK does not tell the revision, so a node is asked directly.
func (k *candidate) proclaim(name string, term int64) {
	at := k.choose(k.singles)
	r := k.begin(history.Proclaimed)
	r.Key, r.Token, r.Value, r.Node = name, term, k.load.value(), at.url
	ctx, cancel := k.deadline()
	defer cancel()
	res, err := at.elections.Proclaim(ctx, &conclavev1.ProclaimRequest{
		Namespace: k.namespace, Name: name, Term: term,
		Value: &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: r.Value}},
	})
	r.Revision = res.GetRevision()
	k.changed(&r, toldBy(err))
}

func (k *candidate) resign(name string, term *conclave.Term, tenure *vigil) {
	if !tenure.end() {
		return
	}
	r := k.begin(history.Resigned)
	r.Key, r.Token = name, int64(term.Number())
	ctx, cancel := k.deadline()
	defer cancel()
	err := term.Resign(ctx)
	outcome, reason := asked(err)
	if losses[reason] {
		k.lost(k.loss(name, r.Token), reason) // just now: nothing was sent
		return
	}
	k.settle(&r, outcome, reason, err)
	k.count(err)
	if outcome == history.Unknown {
		k.leave()
	}
}

// readLeader asks who leads. The error says that there was no answer.
func (c *client) readLeader(life context.Context, name string) error {
	if c.etcd != nil {
		return c.readForeignLeader(life)
	}
	r := c.begin(history.LeaderSeen)
	r.Key = name
	ctx, cancel := context.WithTimeout(life, deadlines[len(deadlines)-1])
	defer cancel()
	leader, err := c.sdk.Election(name).Leader(ctx)
	if _, reason := judge(err); reason == electionWithoutOne {
		err = nil
	}
	if leader != nil {
		r.Token, r.Value, r.Revision = int64(leader.Term), string(leader.Value), int64(leader.Revision)
	}
	c.read(&r, err)
	return err
}

// observe records what an observer is told, over all ends of its stream: each has a
// number of its own.
func (c *client) observe(life context.Context, name string, byLibrary bool) {
	for nap.Take(life, c.pause()) {
		watcher := c.load.streams.Add(1)
		if c.etcd != nil {
			c.observeForeign(life, watcher, byLibrary)
			continue
		}
		last := int64(0)
		for leader, err := range c.sdk.Election(name).Observe(life) {
			if err != nil {
				c.failures++
				break
			}
			c.failures = 0
			last = cmp.Or(int64(leader.Revision), last) // that nobody leads is told without
			c.sighted(watcher, name, int64(leader.Term), string(leader.Value), last)
		}
	}
}

// sighted records what an observer was told.
func (c *client) sighted(watcher int32, name string, term int64, value string, revision int64) {
	r := c.begin(history.LeaderSeen)
	r.Return = r.Call
	r.Watcher, r.Key, r.Token, r.Value, r.Revision = watcher, name, term, value, revision
	c.load.history.Add(r)
}
