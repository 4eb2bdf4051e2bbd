package workload

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/test/faults/history"
)

// foreignCandidate is an etcd client that stands for an election, by the concurrency
// package or by etcd's election service. A term is a key, and its number the key's
// create revision.
type foreignCandidate struct {
	foreignMember
	past *foreignTerm // the last one, which is over
}

// foreignTerm is what a leader can do.
type foreignTerm struct {
	number   int64
	leader   *v3electionpb.LeaderKey
	proclaim func(ctx context.Context, value string) (revision int64, err error)
}

// turn is one term, or an attempt at it.
func (k *foreignCandidate) turn() {
	if !k.join() {
		return
	}
	if k.past != nil && k.chance(4) {
		k.proclaimStale()
	}
	term := k.campaign()
	if term == nil {
		return
	}
	tenure := k.watch(k.session.Ctx(), k.loss(term))
	k.past = term
	for range k.rand.IntN(electionProclaims + 1) {
		k.rest(k.between(0, electionBetween))
		if !k.proclaim(term) {
			break
		}
	}
	if k.chance(electionSloppy) {
		if tenure.end() {
			k.lost(k.loss(term), deserted)
		}
		k.desert()
		return
	}
	if !tenure.end() {
		return
	}
	k.resign(term)
}

func (k *foreignCandidate) loss(term *foreignTerm) history.Record {
	r := k.begin(history.TermLost)
	r.Key, r.Token = electionForeign, term.number
	return r
}

// campaign stands in line, sometimes not for long. It returns nil when there is no
// term.
func (k *foreignCandidate) campaign() *foreignTerm {
	ctx, cancel := context.WithTimeout(k.load.stopping, electionPatience)
	defer cancel()
	stand := k.stand
	switch k.rand.IntN(8) {
	case 0:
		var hurry context.CancelFunc
		ctx, hurry = context.WithTimeout(ctx, k.between(time.Millisecond, 100*time.Millisecond))
		defer hurry()
	case 1, 2, 3:
		stand = k.askElectionService
	}
	r := k.begin(history.Elected)
	r.Key, r.Value, r.Lease, r.TTL = electionForeign, k.load.value(), int64(k.session.Lease()), foreignTTL
	term, err := stand(ctx, r.Value)
	if err == nil {
		r.Token = term.number
	}
	outcome, reason := askedEtcd(err)
	k.settle(&r, outcome, reason, err)
	if !cut(ctx, outcome, reason) {
		k.count(err)
	}
	if outcome == history.Unknown {
		k.leave() // what is left of the attempt goes with the session
	}
	return term
}

func (k *foreignCandidate) stand(ctx context.Context, value string) (*foreignTerm, error) {
	e := concurrency.NewElection(k.session, electionForeign)
	if err := e.Campaign(ctx, value); err != nil {
		return nil, err
	}
	return &foreignTerm{
		number: e.Rev(),
		leader: &v3electionpb.LeaderKey{
			Name: []byte(electionForeign), Key: []byte(e.Key()), Rev: e.Rev(), Lease: int64(k.session.Lease()),
		},
		proclaim: func(ctx context.Context, value string) (int64, error) {
			if err := e.Proclaim(ctx, value); err != nil {
				return 0, err
			}
			return e.Header().GetRevision(), nil
		},
	}, nil
}

func (k *foreignCandidate) askElectionService(ctx context.Context, value string) (*foreignTerm, error) {
	service := v3electionpb.NewElectionClient(k.etcd.ActiveConnection())
	res, err := service.Campaign(ctx, &v3electionpb.CampaignRequest{
		Name: []byte(electionForeign), Lease: int64(k.session.Lease()), Value: []byte(value),
	})
	if err != nil {
		return nil, err
	}
	leader := res.GetLeader()
	return &foreignTerm{
		number: leader.GetRev(),
		leader: leader,
		proclaim: func(ctx context.Context, value string) (int64, error) {
			res, err := service.Proclaim(ctx, &v3electionpb.ProclaimRequest{Leader: leader, Value: []byte(value)})
			return res.GetHeader().GetRevision(), err
		},
	}, nil
}

// proclaimStale speaks for a term that is over, which must be refused. It asks the
// service: the library would refuse by itself.
func (k *foreignCandidate) proclaimStale() {
	service := v3electionpb.NewElectionClient(k.etcd.ActiveConnection())
	k.proclaim(&foreignTerm{
		number: k.past.number,
		proclaim: func(ctx context.Context, value string) (int64, error) {
			res, err := service.Proclaim(ctx, &v3electionpb.ProclaimRequest{Leader: k.past.leader, Value: []byte(value)})
			return res.GetHeader().GetRevision(), err
		},
	})
}

// proclaim changes the leader's value. It reports false when the term is over.
func (k *foreignCandidate) proclaim(term *foreignTerm) bool {
	r := k.begin(history.Proclaimed)
	r.Key, r.Token, r.Value = electionForeign, term.number, k.load.value()
	ctx, cancel := k.deadline()
	defer cancel()
	revision, err := term.proclaim(ctx, r.Value)
	r.Revision = revision
	outcome, reason := askedEtcd(err)
	if isNotLeader(err) {
		outcome, reason = history.Refused, "STALE_TOKEN"
	}
	k.settle(&r, outcome, reason, err)
	return outcome != history.Refused
}

// isNotLeader reports whether etcd's client or its service says that a term is over.
func isNotLeader(err error) bool {
	return errors.Is(err, concurrency.ErrElectionNotLeader) || status.Convert(err).Message() == concurrency.ErrElectionNotLeader.Error()
}

// resign ends the term by the transaction that Election.Resign makes. That does not
// tell whether the term had lasted.
func (k *foreignCandidate) resign(term *foreignTerm) {
	r := k.begin(history.Resigned)
	r.Key, r.Token = electionForeign, term.number
	ctx, cancel := k.deadline()
	defer cancel()
	key := string(term.leader.GetKey())
	res, err := k.etcd.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", term.number)).
		Then(clientv3.OpDelete(key)).
		Commit()
	outcome, reason := askedEtcd(err)
	if err == nil && !res.Succeeded {
		outcome, reason = history.Refused, "STALE_TOKEN"
	}
	k.settle(&r, outcome, reason, err)
	k.count(err)
	if outcome != history.OK {
		k.leave()
	}
}

// readForeignLeader reads the first key of the line.
func (c *client) readForeignLeader(life context.Context) error {
	r := c.begin(history.LeaderSeen)
	r.Key = electionForeign
	ctx, cancel := context.WithTimeout(life, deadlines[len(deadlines)-1])
	defer cancel()
	res, err := c.etcd.Get(ctx, electionForeign+"/", clientv3.WithFirstCreate()...)
	if err == nil && len(res.Kvs) > 0 {
		first := res.Kvs[0]
		r.Token, r.Value, r.Revision = first.CreateRevision, string(first.Value), first.ModRevision
	}
	c.read(&r, err)
	return err
}

// observeForeign records what etcd's election service tells until its stream ends,
// or, in every other observer, what the concurrency package finds out.
func (c *client) observeForeign(life context.Context, watcher int32, byLibrary bool) {
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	c.failures++ // both end when something is wrong
	if byLibrary {
		m := foreignMember{client: c}
		if !m.join() {
			return
		}
		defer m.leave()
		for res := range concurrency.NewElection(m.session, electionForeign).Observe(ctx) {
			c.failures = 0
			c.sightedKey(watcher, res.Kvs[0])
		}
		return
	}
	stream, err := v3electionpb.NewElectionClient(c.etcd.ActiveConnection()).
		Observe(ctx, &v3electionpb.LeaderRequest{Name: []byte(electionForeign)})
	for err == nil {
		var res *v3electionpb.LeaderResponse
		if res, err = stream.Recv(); err == nil {
			c.failures = 0
			c.sightedKey(watcher, res.GetKv())
		}
	}
}

func (c *client) sightedKey(watcher int32, kv *mvccpb.KeyValue) {
	c.sighted(watcher, electionForeign, kv.GetCreateRevision(), string(kv.GetValue()), kv.GetModRevision())
}
