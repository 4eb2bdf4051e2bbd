package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

const (
	mutexNames   = 2 // of the SDK's clients
	mutexClients = 16
	mutexTurns   = 160 // per second
	// mutexWork is how long a holder takes at most between its read and its write
	// of what is outside.
	mutexWork = 12 * time.Millisecond
	// mutexPatience bounds a wait in line.
	mutexPatience = 5 * time.Second
	// mutexSloppy: one hold in so many goes on after its session is over, as a
	// process does that was stopped. It is what fencing is for.
	mutexSloppy = 60
)

// mutexes: clients stand in line for a few mutexes, and whoever holds one raises two
// numbers outside of Conclave: one that compares tokens and one that does not. They
// also try without waiting, stop waiting, and release with tokens of the past.
func mutexes(l *Load) finish {
	clients := l.hire(history.Mutexes, mix{clients: mutexClients, etcd: 4, rate: mutexTurns})
	native, foreign := newMutexRig("mutex", mutexNames), newMutexRig("line/mutex", 1)
	for _, c := range clients {
		turn, leave := func() {}, func() {}
		if c.etcd != nil {
			h := &foreignHolder{foreignMember: foreignMember{client: c}, rig: foreign}
			turn, leave = h.turn, h.leave
		} else {
			h := &holder{member: member{client: c}, rig: native}
			turn, leave = h.turn, h.leave
		}
		l.clients.Go(func() {
			defer leave()
			for c.next() {
				turn()
			}
		})
	}
	return l.free(history.Mutexes, native.names, foreign.names, nil)
}

// mutexRig is what the clients of some mutexes share.
type mutexRig struct {
	names  []string
	fenced map[string]*outside
	open   map[string]*outside // not fenced

	mu  sync.Mutex // protects old
	old map[string][]int64
}

// oldTokens is how many tokens are remembered that are not current any more.
const oldTokens = 8

func newMutexRig(prefix string, names int) *mutexRig {
	g := &mutexRig{fenced: make(map[string]*outside), open: make(map[string]*outside), old: make(map[string][]int64)}
	for i := range names {
		name := fmt.Sprintf("%s/%d", prefix, i)
		g.names = append(g.names, name)
		g.fenced[name], g.open[name] = &outside{fenced: true}, &outside{}
	}
	return g
}

// released notes a token whose release was acknowledged.
func (g *mutexRig) released(name string, token int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	tokens := append(g.old[name], token)
	g.old[name] = tokens[max(0, len(tokens)-oldTokens):]
}

// stale is a token that was released, 0 if there is none.
func (g *mutexRig) stale(c *client, name string) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if tokens := g.old[name]; len(tokens) > 0 {
		return tokens[c.rand.IntN(len(tokens))]
	}
	return 0
}

// holder is an SDK client of mutexes.
type holder struct {
	member
	rig *mutexRig
}

// turn is one hold of one mutex, or an attempt at it.
func (h *holder) turn() {
	if !h.join() {
		return
	}
	name := h.rig.names[h.rand.IntN(len(h.rig.names))]
	if h.chance(16) {
		h.releaseStale(name)
	}
	hold := h.acquire(name)
	if hold == nil {
		return
	}
	tenure := h.holding(hold)
	if h.chance(mutexSloppy) {
		h.oversleep(hold, tenure)
		return
	}
	h.work(h.rig, name, int64(hold.Token()), mutexWork)
	h.release(hold, tenure)
}

// acquire asks for a mutex in one of four ways: in line, in line but not for long,
// with a bound that the service keeps, and without waiting. It returns nil when
// there is no hold.
func (h *holder) acquire(name string) *conclave.Hold {
	ctx, cancel := context.WithTimeout(h.load.stopping, mutexPatience)
	defer cancel()
	var opts []conclave.MutexOption
	lock := (*conclave.Mutex).Lock
	switch h.rand.IntN(8) {
	case 0:
		lock = (*conclave.Mutex).TryLock
	case 1:
		var hurry context.CancelFunc
		ctx, hurry = context.WithTimeout(ctx, h.between(time.Millisecond, 60*time.Millisecond))
		defer hurry()
	case 2:
		opts = append(opts, conclave.WithWait(h.between(5*time.Millisecond, 100*time.Millisecond)))
	}
	r := h.begin(history.Acquired)
	r.Key, r.Lease, r.TTL = name, int64(h.session.ID()), h.session.TTL()
	hold, err := lock(h.session.Mutex(name, opts...), ctx)
	if err == nil {
		r.Token = int64(hold.Token())
	}
	outcome, reason := asked(err)
	h.settle(&r, outcome, reason, err)
	if cut(ctx, outcome, reason) {
		return nil // the SDK gives the place up
	}
	h.count(err)
	if outcome == history.Unknown {
		h.leave()
	}
	return hold
}

// holding watches for the loss of a hold.
func (h *holder) holding(hold *conclave.Hold) *vigil {
	return h.watch(hold.Context(), h.loss(hold))
}

func (h *holder) loss(hold *conclave.Hold) history.Record {
	r := h.begin(history.HoldLost)
	r.Key, r.Token = hold.Name(), int64(hold.Token())
	return r
}

// release gives a mutex back, unless it was lost.
func (h *holder) release(hold *conclave.Hold, tenure *vigil) {
	if !tenure.end() {
		return
	}
	r := h.begin(history.Released)
	r.Key, r.Token = hold.Name(), int64(hold.Token())
	ctx, cancel := h.deadline()
	defer cancel()
	err := hold.Unlock(ctx)
	outcome, reason := asked(err)
	if losses[reason] {
		h.lost(h.loss(hold), reason) // just now: nothing was sent
		return
	}
	h.settle(&r, outcome, reason, err)
	h.count(err)
	switch outcome {
	case history.OK:
		h.rig.released(r.Key, r.Token)
	case history.Unknown:
		h.leave()
	}
}

// releaseStale tries to release with a token that is not current, which must be
// refused.
func (h *holder) releaseStale(name string) {
	r := h.begin(history.Released)
	r.Key, r.Token = name, h.rig.stale(h.client, name)
	if r.Token == 0 {
		return
	}
	ctx, cancel := h.deadline()
	defer cancel()
	h.changed(&r, h.sdk.ReleaseMutex(ctx, name, conclave.Token(r.Token)))
}

// oversleep is what a process does that is stopped for longer than its TTL: it has
// read, its session ends, others get the mutex, and it writes all the same.
func (h *holder) oversleep(hold *conclave.Hold, tenure *vigil) {
	name, token := hold.Name(), int64(hold.Token())
	fenced, admitted := h.rig.fenced[name].read(token)
	open, _ := h.rig.open[name].read(token)
	if tenure.end() {
		h.lost(h.loss(hold), deserted)
	}
	ttl := h.session.TTL()
	h.desert()
	if !h.rest(ttl + h.between(0, time.Second)) {
		return
	}
	if admitted {
		h.write(name, token, h.rig.fenced[name], fenced)
	}
	h.write(name, token, h.rig.open[name], open)
}

// work reads both numbers outside, works for a while and writes them.
func (c *client) work(g *mutexRig, name string, token int64, most time.Duration) {
	fenced, admitted := g.fenced[name].read(token)
	open, _ := g.open[name].read(token)
	c.rest(c.between(0, most)) // after Stop the rest is done all the same
	if admitted {
		c.write(name, token, g.fenced[name], fenced)
	}
	c.write(name, token, g.open[name], open)
}

// write raises a number outside by one, as it was read.
func (c *client) write(name string, token int64, o *outside, seen glance) {
	r := c.begin(history.OutsideWrite)
	r.Key, r.Token, r.Value, r.Fenced = name, token, fmt.Sprint(seen.value+1), o.fenced
	taken, lost := o.write(token, seen)
	r.Lost, r.Return = lost, c.load.history.Now()
	if !taken {
		r.Outcome, r.Reason = history.Refused, "STALE_TOKEN"
	}
	c.load.history.Add(r)
}
