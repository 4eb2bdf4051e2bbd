package check

import (
	"container/heap"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// sim is a small service in memory with clients that call it at the same time. What
// it records is sound by construction: every operation happens at one moment
// between call and return. It shares no code with the checkers.
type sim struct {
	rand    *rand.Rand
	now     time.Duration
	todo    agenda
	records []history.Record
	spaces  map[string]*simSpace
	clients int32
	unique  int64
	until   time.Duration
	lean    bool // keep no states of the past
}

type simSpace struct {
	name     string
	revision int64
	keys     map[string]history.KV
	log      []simEntry
	lean     bool
}

type simEntry struct {
	revision int64
	at       time.Duration
	events   []history.Event
	after    map[string]history.KV
}

type action struct {
	at  time.Duration
	seq int64
	do  func()
}

type agenda []action

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(action)) }
func (a *agenda) Pop() any     { last := (*a)[len(*a)-1]; *a = (*a)[:len(*a)-1]; return last }

func newSim(seed uint64, until time.Duration) *sim {
	return &sim{rand: rand.New(rand.NewPCG(seed, 5)), spaces: make(map[string]*simSpace), until: until}
}

func (s *sim) after(d time.Duration, do func()) {
	s.unique++
	heap.Push(&s.todo, action{s.now + d, s.unique, do})
}

// run lets everything happen that was begun.
func (s *sim) run() {
	for len(s.todo) > 0 {
		next := heap.Pop(&s.todo).(action)
		s.now = next.at
		next.do()
	}
}

func (s *sim) some(most time.Duration) time.Duration {
	return time.Duration(1 + s.rand.Int64N(int64(most)))
}

func (s *sim) add(r history.Record) { s.records = append(s.records, r) }

// event records what has no duration.
func (s *sim) event(r history.Record) {
	r.Call, r.Return = s.now, s.now
	s.add(r)
}

func (s *sim) space(name string) *simSpace {
	if s.spaces[name] == nil {
		s.spaces[name] = &simSpace{name: name, revision: 1, keys: make(map[string]history.KV), lean: s.lean}
	}
	return s.spaces[name]
}

// simClient does one thing after another.
type simClient struct {
	*sim
	id int32
}

// client begins one; step is called again and again until the run's end.
func (s *sim) client(step func(c *simClient, again func())) {
	s.clients++
	c := &simClient{sim: s, id: s.clients}
	var again func()
	again = func() {
		if s.now < s.until {
			step(c, again)
		}
	}
	s.after(s.some(time.Millisecond), again)
}

// call sends a request, which happens at one moment, and records it when the
// answer is there.
func (c *simClient) call(r history.Record, happen func(r *history.Record), then func(r history.Record)) {
	r.Client, r.Call = c.id, c.now
	c.after(c.some(2*time.Millisecond), func() {
		happen(&r)
		c.after(c.some(2*time.Millisecond), func() {
			r.Return = c.now
			c.add(r)
			then(r)
		})
	})
}

// mutate is a call whose outcome may stay unknown; then it may still happen, also
// after the client has given up.
func (c *simClient) mutate(r history.Record, happen func(r *history.Record), then func(r history.Record)) {
	if c.rand.IntN(50) > 0 {
		c.call(r, happen, then)
		return
	}
	r.Client, r.Call, r.Outcome = c.id, c.now, history.Unknown
	c.clients++
	c.id = c.clients
	lost := r
	if c.rand.IntN(2) == 0 {
		c.after(c.some(20*time.Millisecond), func() { happen(&lost) })
	}
	c.after(c.some(10*time.Millisecond), func() {
		r.Return = c.now
		c.add(r)
		then(r)
	})
}

// commit appends a revision.
func (p *simSpace) commit(at time.Duration, events []history.Event) {
	e := simEntry{revision: p.revision, at: at, events: events}
	if !p.lean {
		e.after = maps.Clone(p.keys)
	}
	p.log = append(p.log, e)
}

// put changes a key in a revision that the caller has taken.
func (p *simSpace) put(key, value string, lease int64) history.Event {
	kv := history.KV{Key: key, Value: value, Created: p.revision, Modified: p.revision, Version: 1, Lease: lease}
	var previous *history.KV
	if old, ok := p.keys[key]; ok {
		kv.Created, kv.Version = old.Created, old.Version+1
		previous = &old
	}
	p.keys[key] = kv
	return history.Event{KV: kv, Previous: previous}
}

func (p *simSpace) remove(key string) history.Event {
	old := p.keys[key]
	delete(p.keys, key)
	return history.Event{Delete: true, KV: history.KV{Key: key, Modified: p.revision}, Previous: &old}
}

// in lists a range.
func in(keys map[string]history.KV, from, end string) []history.KV {
	var found []history.KV
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key == from && end == "" || end != "" && key >= from && key < end {
			found = append(found, keys[key])
		}
	}
	return found
}

// txn carries a transaction out and fills in its answer.
func (s *sim) txn(p *simSpace, r *history.Record) {
	r.Succeeded = true
	for _, c := range r.If {
		kv, ok := p.keys[c.Key]
		if c.Type == history.IfValue && (!ok || kv.Value != c.Value) ||
			c.Type == history.IfModRevision && kv.Modified != c.Number ||
			c.Type == history.IfVersion && kv.Version != c.Number {
			r.Succeeded = false
		}
	}
	branch := &r.Then
	if !r.Succeeded {
		branch = &r.Else
	}
	*branch = slices.Clone(*branch)
	var events []history.Event
	p.revision++
	for i := range *branch {
		op := &(*branch)[i]
		found := in(p.keys, op.Key, op.End)
		switch op.Type {
		case history.Get:
			op.Found = found
		case history.Put:
			events = append(events, p.put(op.Key, op.Value, op.Lease))
		case history.Delete:
			op.Deleted = int64(len(found))
			for _, kv := range found {
				events = append(events, p.remove(kv.Key))
			}
		}
	}
	if len(events) == 0 {
		p.revision--
	} else {
		p.commit(s.now, events)
	}
	r.Revision = p.revision
}
