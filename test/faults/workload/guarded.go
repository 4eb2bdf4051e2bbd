package workload

import (
	"fmt"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

const (
	guardedNames   = 4 // of the SDK's clients
	guardedClients = 12
	guardedTurns   = 60 // per second
	// guardedWrites is how many writes a holder makes at most.
	guardedWrites = 5
	// guardedSloppy: one hold in so many writes on after its session was left.
	guardedSloppy = 200
)

// guarded: holders of mutexes write keys of Conclave under the guard of their token,
// also when it is theirs no more. The value begins with the token.
func guarded(l *Load) finish {
	clients := l.hire(history.Guarded, mix{clients: guardedClients, etcd: 4, rate: guardedTurns})
	native, foreign := newMutexRig("guarded", guardedNames), newMutexRig("line/guarded", 1)
	for _, c := range clients {
		turn, leave := func() {}, func() {}
		if c.etcd != nil {
			g := &foreignGuard{foreignHolder: foreignHolder{foreignMember: foreignMember{client: c}, rig: foreign}}
			turn, leave = g.turn, g.leave
		} else {
			g := &guard{holder{member: member{client: c}, rig: native}}
			turn, leave = g.turn, g.leave
		}
		l.clients.Go(func() {
			defer leave()
			for c.next() {
				turn()
			}
		})
	}
	return l.free(history.Guarded, native.names, foreign.names, nil)
}

// guard is an SDK client that writes under guards.
type guard struct {
	holder
}

// turn is one hold with its writes, or an attempt at it.
func (g *guard) turn() {
	if !g.join() {
		return
	}
	name := g.rig.names[g.rand.IntN(len(g.rig.names))]
	if g.chance(4) {
		if token := g.rig.stale(g.client, name); token != 0 {
			g.write(name, token)
		}
	}
	hold := g.acquire(name)
	if hold == nil {
		return
	}
	tenure := g.holding(hold)
	token := int64(hold.Token())
	for range 1 + g.rand.IntN(guardedWrites) {
		g.write(name, token)
	}
	if g.chance(guardedSloppy) {
		g.writeOn(hold, tenure)
		return
	}
	if g.chance(16) {
		g.write(name, token+1) // of nobody, and soon of somebody else, if of anybody
	}
	g.release(hold, tenure)
	if g.chance(4) {
		g.write(name, token)
	}
}

// writeOn leaves the session to itself and writes until that is refused.
func (g *guard) writeOn(hold *conclave.Hold, tenure *vigil) {
	if tenure.end() {
		g.lost(g.loss(hold), deserted)
	}
	ttl := g.session.TTL()
	g.desert()
	for range 20 {
		if !g.rest(ttl/10) || g.write(hold.Name(), int64(hold.Token())) == "GUARD_FAILED" {
			return
		}
	}
}

// write writes under the guard of a token, and returns why it was refused.
func (g *guard) write(name string, token int64) string {
	r := g.begin(history.GuardedWrite)
	r.Key, r.Token, r.Then = name, token, g.guardedOps(name, token)
	ctx, cancel := g.deadline()
	defer cancel()
	res, err := g.sdk.Txn().
		If(conclave.MutexGuard(name, conclave.Token(token))).
		Then(opsOf(r.Then)...).
		Commit(ctx)
	if err == nil {
		answer(&r, res)
	}
	g.changed(&r, err)
	return r.Reason
}

// guardedOps write one of the keys of a mutex or both, and read the other or none.
// The keys are elsewhere than the mutex: what begins with the name of one of etcd's
// stands in its line.
func (c *client) guardedOps(name string, token int64) []history.Op {
	value := func() string { return fmt.Sprintf("%d %s", token, c.load.value()) }
	first, second := "under/"+name+"/a", "under/"+name+"/b"
	switch c.rand.IntN(4) {
	case 0:
		return []history.Op{put(first, value()), put(second, value())}
	case 1:
		return []history.Op{get(second), put(first, value())}
	case 2:
		return []history.Op{put(second, value()), get(second), get(first)}
	}
	return []history.Op{put(first, value())}
}

// foreignGuard is an etcd client that writes under guards: compares of the create
// revision of the lock's key, as Mutex.IsOwner makes them.
type foreignGuard struct {
	foreignHolder
	last *foreignHold // released, or maybe
}

// turn is that of guard.
func (g *foreignGuard) turn() {
	if !g.join() {
		return
	}
	name := g.rig.names[0]
	if g.last != nil && g.chance(2) {
		g.write(name, g.last)
	}
	hold := g.acquire(name)
	if hold == nil {
		return
	}
	g.last = hold
	tenure := g.watch(g.session.Ctx(), g.loss(name, hold))
	for range 1 + g.rand.IntN(guardedWrites) {
		g.write(name, hold)
	}
	if !g.chance(guardedSloppy) {
		g.release(name, hold, tenure)
		return
	}
	if tenure.end() {
		g.lost(g.loss(name, hold), deserted)
	}
	g.desert()
	for range 20 {
		if !g.rest(foreignTTL/10) || !g.write(name, hold) {
			return
		}
	}
}

// write writes while the lock's key is the one that was made for the hold. A key of
// a lock is never changed, so its mod revision is its create revision. It reports
// whether it still may be.
func (g *foreignGuard) write(name string, hold *foreignHold) bool {
	r := g.begin(history.GuardedWrite)
	r.Key, r.Token, r.Then = name, hold.token, g.guardedOps(name, hold.token)
	r.If = []history.Op{ifModRevision(hold.key, hold.token)}
	ctx, cancel := g.deadline()
	defer cancel()
	res, err := g.etcd.Txn(ctx).If(hold.owner).Then(etcdOpsOf(r.Then)...).Commit()
	if err == nil {
		answerEtcd(&r, res)
	}
	g.changed(&r, err)
	return r.Outcome != history.OK || r.Succeeded
}
