package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// take takes a revision for something that is no key.
func (p *simSpace) take() int64 { p.revision++; return p.revision }

// leasesOf begins clients that grant, renew, revoke and leave leases with a key
// each, and look for them.
func (s *sim) leasesOf(space string) {
	p := s.space(space)
	const ttl = 30 * time.Millisecond
	due := make(map[int64]time.Duration)
	key := func(id int64) string { return fmt.Sprintf("lease/%d", id) }
	end := func(id int64) {
		p.take()
		delete(due, id)
		p.commit(s.now, []history.Event{p.remove(key(id))})
	}
	var expire func(id int64)
	expire = func(id int64) {
		if at, ok := due[id]; ok && at > s.now {
			s.after(at-s.now, func() { expire(id) })
		} else if ok {
			end(id)
		}
	}
	for range 4 {
		var id int64
		s.client(func(c *simClient, again func()) {
			next := func(history.Record) { again() }
			r := history.Record{Workload: history.Leases, Namespace: space, Lease: id, TTL: ttl}
			_, alive := due[id]
			switch n := c.rand.IntN(12); {
			case id == 0 || n == 0:
				id = s.unique + 1<<40
				r.Kind, r.Lease = history.LeaseGranted, id
				c.call(r, func(*history.Record) { due[id] = c.now + ttl; s.after(ttl, func() { expire(r.Lease) }) },
					func(r history.Record) {
						put := history.Record{Workload: history.Leases, Kind: history.Txn, Namespace: space}
						put.Then = []history.Op{{Type: history.Put, Key: key(r.Lease), Value: c.value(), Lease: r.Lease}}
						c.call(put, func(w *history.Record) { c.txn(p, w) }, next)
					})
			case n < 5:
				r.Kind = history.LeaseRenewed
				c.call(r, func(r *history.Record) {
					if _, ok := due[r.Lease]; !ok {
						r.Outcome, r.Reason = history.Refused, LeaseNotFound
						return
					}
					due[r.Lease] = c.now + ttl
				}, next)
			case n == 5 && alive:
				r.Kind = history.LeaseRevoked
				c.call(r, func(r *history.Record) {
					if _, ok := due[r.Lease]; ok {
						end(r.Lease)
					} else {
						r.Outcome, r.Reason = history.Refused, LeaseNotFound
					}
				}, next)
			default:
				r.TTL = 0
				c.call(r, func(r *history.Record) {
					r.Kind = history.LeaseGone
					if at, ok := due[r.Lease]; ok {
						r.Kind, r.Left = history.LeaseSeen, at-c.now
					}
				}, next)
			}
		})
	}
}

// mutexesOf begins clients of one mutex, with writes that it guards in and outside
// of the service. Some holders leave, and some of those go on.
func (s *sim) mutexesOf(space string, kind history.Workload, key string) {
	p := s.space(space)
	var holder, fenced int64
	for range 5 {
		var old int64
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: kind, Namespace: space, Key: key, TTL: 20 * time.Millisecond, Kind: history.Acquired}
			if old != 0 && c.rand.IntN(4) == 0 {
				c.guarded(p, &holder, key, old, func() { old = 0; again() })
				return
			}
			c.mutate(r, func(r *history.Record) {
				switch {
				case holder != 0:
					r.Outcome, r.Reason = history.Refused, "HELD"
				case r.Outcome == history.Unknown: // the client leaves at once
					p.take()
				default:
					holder = p.take()
					r.Token = holder
				}
			}, func(r history.Record) {
				if r.Outcome != history.OK {
					again()
					return
				}
				old = r.Token
				token := r.Token
				c.guarded(p, &holder, key, token, func() {
					w := history.Record{Workload: kind, Kind: history.OutsideWrite, Namespace: space, Key: key, Token: token, Fenced: true}
					if fenced > token {
						w.Outcome = history.Refused
					}
					fenced = max(fenced, token)
					c.event(w)
					w.Fenced, w.Outcome, w.Lost = false, history.OK, c.rand.IntN(9) == 0
					c.event(w)
					c.leaveMutex(&holder, space, kind, key, token, again)
				})
			})
		})
	}
}

func (c *simClient) leaveMutex(holder *int64, space string, kind history.Workload, key string, token int64, again func()) {
	r := history.Record{Workload: kind, Namespace: space, Key: key, Token: token}
	if c.rand.IntN(6) == 0 {
		r.Kind, r.Reason = history.HoldLost, "DETACHED"
		c.event(r)
		c.after(c.some(20*time.Millisecond), func() { *holder = 0; again() })
		return
	}
	r.Kind = history.Released
	c.call(r, func(*history.Record) { *holder = 0 }, func(history.Record) { again() })
}

func (c *simClient) guarded(p *simSpace, holder *int64, key string, token int64, then func()) {
	r := history.Record{Workload: history.Guarded, Kind: history.GuardedWrite, Namespace: p.name, Key: key, Token: token}
	r.Then = []history.Op{{Type: history.Put, Key: key + "/a", Value: c.value()}}
	c.call(r, func(r *history.Record) {
		if *holder != token {
			r.Outcome, r.Reason = history.Refused, GuardFailed
			return
		}
		c.txn(p, r)
	}, func(history.Record) { then() })
}

// electionOf begins candidates, proclamations, questions and an observer.
func (s *sim) electionOf(space string) {
	p := s.space(space)
	var term, changed int64
	var value string
	var watching []int32
	tell := func() {
		for _, w := range watching {
			s.event(history.Record{Workload: history.Elections, Kind: history.LeaderSeen, Namespace: space, Key: "e", Watcher: w,
				Token: term, Value: value, Revision: changed})
		}
	}
	watching = []int32{9001, 9002}
	for range 3 {
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: history.Elections, Kind: history.Elected, Namespace: space, Key: "e", Value: c.value()}
			c.call(r, func(r *history.Record) {
				if term != 0 {
					r.Outcome, r.Reason = history.Refused, "HELD"
					return
				}
				term, value = p.take(), r.Value
				changed, r.Token = term, term
				tell()
			}, func(r history.Record) {
				if r.Outcome != history.OK {
					again()
					return
				}
				r.Kind, r.Value = history.Proclaimed, c.value()
				c.call(r, func(r *history.Record) {
					value, changed = r.Value, p.take()
					r.Revision = changed
					tell()
				}, func(r history.Record) {
					r.Kind = history.Resigned
					c.after(c.some(10*time.Millisecond), func() {
						c.call(r, func(*history.Record) { term, value, changed = 0, "", p.take(); tell() }, func(history.Record) { again() })
					})
				})
			})
		})
	}
	s.client(func(c *simClient, again func()) {
		r := history.Record{Workload: history.Elections, Kind: history.LeaderSeen, Namespace: space, Key: "e"}
		c.call(r, func(r *history.Record) { r.Token, r.Value, r.Revision = term, value, p.revision }, func(history.Record) { again() })
	})
}

type simJob struct {
	id      uint64
	body    string
	receipt int64
	attempt int32
	until   time.Duration
}

// queueOf begins producers and workers, some of whom are slow or leave; at the end
// what is left is drained.
func (s *sim) queueOf(space string) {
	p := s.space(space)
	jobs := make(map[uint64]*simJob)
	const ttl = 15 * time.Millisecond
	for range 2 {
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: history.Queues, Kind: history.Enqueued, Namespace: space, Key: "q", Value: c.value()}
			c.mutate(r, func(r *history.Record) {
				r.Job, r.Revision = uint64(p.take()), p.revision
				jobs[r.Job] = &simJob{id: r.Job, body: r.Value}
			}, func(history.Record) { again() })
		})
	}
	for range 4 {
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: history.Queues, Kind: history.Claimed, Namespace: space, Key: "q", TTL: ttl}
			c.call(r, func(r *history.Record) {
				for _, id := range slices.Sorted(maps.Keys(jobs)) {
					if j := jobs[id]; j.until <= c.now {
						j.receipt, j.until = p.take(), c.now+ttl
						j.attempt++
						r.Job, r.Value, r.Token, r.Attempt = j.id, j.body, j.receipt, j.attempt
						return
					}
				}
				r.Outcome, r.Reason = history.Refused, "NO_QUORUM" // there is no record of that nothing is there
			}, func(r history.Record) {
				if r.Outcome == history.Refused {
					again()
					return
				}
				c.work(p, jobs, r, again)
			})
		})
	}
	s.after(s.until+100*time.Millisecond, func() {
		for _, id := range slices.Sorted(maps.Keys(jobs)) {
			s.event(history.Record{Workload: history.Queues, Kind: history.Drained, Namespace: space, Key: "q", Job: id, Value: jobs[id].body})
		}
	})
}

// work does something with a claim.
func (c *simClient) work(p *simSpace, jobs map[uint64]*simJob, claim history.Record, again func()) {
	r := claim
	r.Value, r.Attempt = "", 0
	current := func(r *history.Record, do func(j *simJob)) {
		if j := jobs[r.Job]; j != nil && j.receipt == r.Token && j.until > c.now {
			do(j)
		} else if r.Outcome != history.Unknown {
			r.Outcome, r.Reason = history.Refused, "STALE_RECEIPT"
		}
	}
	next := func(history.Record) { again() }
	ack := func() {
		r.Kind, r.TTL = history.Acked, 0
		c.mutate(r, func(r *history.Record) { current(r, func(*simJob) { delete(jobs, r.Job) }) }, next)
	}
	switch c.rand.IntN(6) {
	case 0:
		r.Kind = history.Nacked
		c.call(r, func(r *history.Record) { current(r, func(j *simJob) { j.until = 0 }) }, next)
	case 1:
		r.Kind = history.Extended
		c.call(r, func(r *history.Record) { current(r, func(j *simJob) { j.until = c.now + r.TTL }) }, func(history.Record) { ack() })
	case 2:
		r.Kind, r.Reason = history.ClaimLost, "DETACHED"
		c.event(r)
		again()
	case 3:
		c.after(20*time.Millisecond, func() { r.Kind = history.Acked; ack() })
	default:
		ack()
	}
}

// countersOf begins clients that increment.
func (s *sim) countersOf(space string) {
	p := s.space(space)
	for range 4 {
		s.client(func(c *simClient, again func()) {
			key := "n/" + strconv.Itoa(c.rand.IntN(2))
			r := history.Record{Workload: history.Counters, Namespace: space, Key: key, Kind: history.Incremented}
			get := history.Op{Type: history.Get, Key: key}
			if c.rand.IntN(4) == 0 {
				r.Kind, r.Then = history.CounterRead, []history.Op{get}
				c.call(r, func(r *history.Record) { c.txn(p, r); r.Version = p.keys[key].Version }, func(history.Record) { again() })
				return
			}
			r.Then = []history.Op{{Type: history.Put, Key: key, Value: c.value()}, get}
			c.mutate(r, func(r *history.Record) { c.txn(p, r); r.Version = p.keys[key].Version }, func(history.Record) { again() })
		})
	}
}

// registryOf begins instances that come and go, and questions.
func (s *sim) registryOf(space string) {
	p := s.space(space)
	there := make(map[string]bool)
	changed := int64(1)
	const ttl = 30 * time.Millisecond
	see := func(r *history.Record) { r.Values, r.Revision = slices.Sorted(maps.Keys(there)), changed }
	tell := func() {
		r := history.Record{Workload: history.Registry, Kind: history.InstancesSeen, Namespace: space, Key: "s", Watcher: 8001}
		see(&r)
		s.event(r)
	}
	for range 3 {
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: history.Registry, Namespace: space, Key: "s", Value: "i" + c.value(), Lease: c.unique + 1<<41, TTL: ttl}
			r.Kind = history.LeaseGranted
			c.call(r, func(*history.Record) {}, func(r history.Record) {
				r.Kind = history.Registered
				c.call(r, func(*history.Record) { there[r.Value], changed = true, p.take(); tell() }, func(r history.Record) {
					r.Kind = history.Deregistered
					c.after(c.some(10*time.Millisecond), func() {
						c.call(r, func(*history.Record) { delete(there, r.Value); changed = p.take(); tell() }, func(history.Record) { again() })
					})
				})
			})
		})
	}
	s.client(func(c *simClient, again func()) {
		r := history.Record{Workload: history.Registry, Kind: history.InstancesSeen, Namespace: space, Key: "s"}
		c.call(r, see, func(history.Record) { again() })
	})
}

// namespacesOf creates, uses and drops namespaces of one name.
func (s *sim) namespacesOf() {
	var n int
	s.client(func(c *simClient, again func()) {
		n++
		space := fmt.Sprintf("t#%d", n)
		p := s.space(space)
		r := history.Record{Workload: history.Namespaces, Kind: history.Created, Namespace: "default", Key: space}
		var steps int
		var use func(history.Record)
		use = func(history.Record) {
			steps++
			r := history.Record{Workload: history.Namespaces, Kind: history.Txn, Namespace: space}
			switch {
			case steps > 12:
				s.watch(p, history.Record{From: 1, Truth: true}, -1)
				c.call(history.Record{Workload: history.Namespaces, Kind: history.Dropped, Namespace: "default", Key: space}, func(*history.Record) {},
					func(history.Record) {
						r.Kind = history.NamespaceGone
						c.call(r, func(*history.Record) {}, func(history.Record) { again() })
					})
				return
			case steps%2 == 0:
				r.Then = []history.Op{{Type: history.Put, Key: "k", Value: c.value()}}
			default:
				r.Then = []history.Op{{Type: history.Get, Key: "k"}}
			}
			c.call(r, func(r *history.Record) { c.txn(p, r) }, use)
		}
		c.call(r, func(*history.Record) {}, use)
	})
}

// compactionsOf forgets the past of a space and reads around the edge.
func (s *sim) compactionsOf(space string) {
	p := s.space(space)
	s.client(func(c *simClient, again func()) {
		r := history.Record{Workload: history.Compactions, Kind: history.Compacted, Namespace: space, Revision: max(1, p.revision-40+c.rand.Int64N(60))}
		c.call(r, func(r *history.Record) {
			switch {
			case r.Revision <= p.compacted:
				r.Outcome, r.Reason = history.Refused, Compacted
			case r.Revision > p.revision:
				r.Outcome, r.Reason = history.Refused, Future
			default:
				p.compacted = r.Revision
			}
		}, func(history.Record) { c.after(10*time.Millisecond, again) })
	})
	for range 2 {
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: history.Compactions, Kind: history.Txn, Namespace: space, At: max(1, p.revision-60+c.rand.Int64N(70))}
			r.Then = []history.Op{{Type: history.Get, Key: "r/", End: "r0"}}
			c.call(r, func(r *history.Record) {
				switch {
				case r.At < p.compacted:
					r.Outcome, r.Reason, r.Revision = history.Refused, Compacted, p.compacted
				case r.At > p.revision:
					r.Outcome, r.Reason, r.Revision = history.Refused, Future, p.revision
				default:
					r.Revision = p.revision
					r.Then = slices.Clone(r.Then)
					r.Then[0].Found = in(p.at(r.At), "r/", "r0")
				}
			}, func(history.Record) { again() })
		})
	}
}

// at is the state at a revision.
func (p *simSpace) at(revision int64) map[string]history.KV {
	var state map[string]history.KV
	for _, e := range p.log {
		if e.revision > revision {
			break
		}
		state = e.after
	}
	return state
}
