package check

import (
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// kind finds an answered record of a kind that also fits.
func (h *hurt) kind(k history.Kind, fits func(r *history.Record) bool) (int, *history.Record) {
	h.t.Helper()
	return h.find(func(r *history.Record) bool {
		return r.Kind == k && r.Outcome == history.OK && (fits == nil || fits(r))
	})
}

// pair finds an answered record of one kind and a later one of another for which
// both fit.
func (h *hurt) pair(first, second history.Kind, fits func(a, b *history.Record) bool) (a, b *history.Record) {
	h.t.Helper()
	for i := len(h.records) / 4; i < len(h.records); i++ {
		if a = &h.records[i]; a.Kind != first || a.Outcome != history.OK {
			continue
		}
		for j := i + 1; j < len(h.records); j++ {
			if b = &h.records[j]; b.Kind == second && b.Outcome == history.OK && b.Call > a.Return && fits(a, b) {
				return a, b
			}
		}
	}
	h.t.Fatal("no two records fit this damage")
	return nil, nil
}

func sameToken(a, b *history.Record) bool { return a.Key == b.Key && a.Token == b.Token }
func sameJob(a, b *history.Record) bool   { return a.Job == b.Job && a.Token == b.Token }

var recipeDamages = []damage{
	{"a lease ends early", "lease", func(h *hurt) {
		_, r := h.kind(history.LeaseSeen, func(r *history.Record) bool { return r.Left > 15*time.Millisecond })
		r.Kind, r.Left = history.LeaseGone, 0
	}},
	{"a key goes with its lease too early", "lease", func(h *hurt) {
		_, put := h.kind(history.Txn, func(r *history.Record) bool {
			return r.Workload == history.Leases && len(r.Then) == 1 && r.Then[0].Lease > 1<<40
		})
		id := h.truth("default")
		for i := range h.records {
			r := &h.records[i]
			if r.Kind == history.WatchEvent && r.Watcher == id && r.Events[0].Delete && r.Events[0].KV.Key == put.Then[0].Key {
				r.Call = put.Return
				r.Return = put.Return
			}
		}
	}},
	{"a lease lives too long", "lease", func(h *hurt) {
		i, r := h.kind(history.LeaseGone, nil)
		late := *r
		late.Kind, late.Call, late.Return = history.LeaseSeen, late.Call+3*time.Second, late.Return+3*time.Second
		h.records[i].Kind = history.LeaseSeen
		for j := range h.records {
			if h.records[j].Kind == history.LeaseGone && h.records[j].Lease == late.Lease {
				h.records[j].Kind = history.LeaseSeen
			}
		}
		h.insert(len(h.records), late)
		for at := late.Call - 3*time.Second; at < late.Call; at += 50 * time.Millisecond {
			h.insert(len(h.records), history.Record{Workload: history.Queues, Kind: history.Nacked, Key: "none", Call: at, Return: at})
		}
	}},
	{"a revoked lease is there", "lease", func(h *hurt) {
		a, b := h.pair(history.LeaseRevoked, history.LeaseGone, func(a, b *history.Record) bool { return a.Lease == b.Lease })
		b.Kind, b.Left = history.LeaseSeen, a.Left
	}},
	{"more is left of a lease than its TTL", "lease", func(h *hurt) {
		_, r := h.kind(history.LeaseSeen, nil)
		r.Left = time.Minute
	}},
	{"a token is given twice", "token", func(h *hurt) {
		a, b := h.pair(history.Acquired, history.Acquired, func(a, b *history.Record) bool { return a.Key == b.Key })
		b.Token = a.Token
	}},
	{"a token goes back", "token", func(h *hurt) {
		_, b := h.pair(history.Acquired, history.Acquired, func(a, b *history.Record) bool { return a.Key == b.Key })
		b.Token = 1
	}},
	{"two hold at a time", "token", func(h *hurt) {
		a, b := h.pair(history.Acquired, history.Released, sameToken)
		h.insert(len(h.records), history.Record{Client: 999, Workload: history.Mutexes, Kind: history.Acquired, Namespace: a.Namespace, Key: a.Key,
			Call: a.Return, Return: b.Call - 1, Token: a.Token + 1})
	}},
	{"a hold is lost without a reason", "token", func(h *hurt) {
		_, r := h.kind(history.HoldLost, nil)
		r.Reason = ""
	}},
	{"a stale guarded write is taken", "token", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.Kind == history.GuardedWrite && r.Outcome == history.Refused })
		r.Outcome, r.Reason, r.Revision = history.OK, "", 1<<40
	}},
	{"a guarded write is taken after the release", "token", func(h *hurt) {
		a, b := h.pair(history.GuardedWrite, history.Released, sameToken)
		late := *a
		late.Call, late.Return = b.Return+1, b.Return+2
		h.insert(len(h.records), late)
	}},
	{"a guarded write is refused while its token is held", "token", func(h *hurt) {
		a, _ := h.pair(history.GuardedWrite, history.Released, sameToken)
		a.Outcome, a.Reason = history.Refused, GuardFailed
	}},
	{"a stale token is taken outside", "token", func(h *hurt) {
		a, b := h.pair(history.OutsideWrite, history.OutsideWrite, func(a, b *history.Record) bool {
			return a.Fenced && b.Fenced && a.Key == b.Key && a.Token < b.Token
		})
		a.Token, b.Token = b.Token, a.Token
	}},
	{"an update outside is lost with the token", "token", func(h *hurt) {
		_, r := h.kind(history.OutsideWrite, func(r *history.Record) bool { return r.Fenced })
		r.Lost = true
	}},
	{"a token is released twice", "token", func(h *hurt) {
		_, r := h.kind(history.Released, nil)
		again := *r
		again.Call, again.Return = r.Return+1, r.Return+2
		h.insert(len(h.records), again)
	}},
	{"two leaders in a term", "election", func(h *hurt) {
		_, r := h.kind(history.LeaderSeen, func(r *history.Record) bool { return r.Token > 0 })
		r.Value = "somebody"
	}},
	{"an observer goes back", "election", func(h *hurt) {
		a, b := h.pair(history.LeaderSeen, history.LeaderSeen, func(a, b *history.Record) bool {
			return a.Watcher > 0 && a.Watcher == b.Watcher && a.Token > 0 && b.Token > a.Token
		})
		b.Token, b.Value = a.Token, a.Value
		h.insert(len(h.records), func() history.Record { r := *a; r.Call, r.Return = b.Return+1, b.Return+1; return r }())
	}},
	{"an old leader is told", "election", func(h *hurt) {
		a, b := h.pair(history.Elected, history.LeaderSeen, func(a, b *history.Record) bool { return b.Watcher == 0 && b.Token > a.Token })
		b.Token, b.Value = a.Token, a.Value
	}},
	{"nobody leads while somebody does", "election", func(h *hurt) {
		ends := make(map[int64]time.Duration)
		for i := range h.records {
			if r := &h.records[i]; r.Kind == history.Resigned {
				ends[r.Token] = r.Call
			}
		}
		_, b := h.pair(history.Proclaimed, history.LeaderSeen, func(a, b *history.Record) bool {
			return b.Watcher == 0 && sameToken(a, b) && b.Return < ends[a.Token]
		})
		b.Token, b.Value = 0, ""
	}},
	{"a term is told that was never won", "election", func(h *hurt) {
		_, r := h.kind(history.LeaderSeen, func(r *history.Record) bool { return r.Token > 0 && r.Watcher == 0 })
		r.Token++
	}},
	{"a job is lost", "queue", func(h *hurt) {
		_, r := h.kind(history.Enqueued, nil)
		id := r.Job
		h.records = slices.DeleteFunc(h.records, func(r history.Record) bool {
			return r.Job == id && (r.Kind == history.Acked || r.Kind == history.Drained)
		})
	}},
	{"a job that nobody enqueued", "queue", func(h *hurt) {
		_, r := h.kind(history.Claimed, nil)
		r.Value = "nobody's"
	}},
	{"a job is done twice", "queue", func(h *hurt) {
		_, r := h.kind(history.Acked, nil)
		h.insert(len(h.records), *r)
	}},
	{"an old receipt is taken", "queue", func(h *hurt) {
		a, b := h.pair(history.Claimed, history.Claimed, func(a, b *history.Record) bool { return a.Job == b.Job && a.Token < b.Token })
		h.insert(len(h.records), history.Record{Workload: history.Queues, Kind: history.Acked, Namespace: a.Namespace, Key: a.Key,
			Job: a.Job, Token: a.Token, Call: b.Return + 1, Return: b.Return + 2})
	}},
	{"a job is handed out after it was done", "queue", func(h *hurt) {
		a, b := h.pair(history.Claimed, history.Acked, sameJob)
		again := *a
		again.Token, again.Attempt, again.Call, again.Return = 1<<40, 99, b.Return+1, b.Return+2
		h.insert(len(h.records), again)
	}},
	{"a job is found after it was done", "queue", func(h *hurt) {
		_, r := h.kind(history.Acked, nil)
		_, c := h.find(func(c *history.Record) bool { return c.Kind == history.Claimed && c.Job == r.Job })
		found := *c
		found.Kind, found.Call, found.Return = history.Drained, r.Return+1, r.Return+1
		h.insert(len(h.records), found)
	}},
	{"two claims hold at a time", "queue", func(h *hurt) {
		a, b := h.pair(history.Claimed, history.Acked, sameJob)
		again := *a
		again.Token, again.Attempt, again.Call, again.Return = a.Token+1, a.Attempt+1, a.Return, b.Call-1
		h.insert(len(h.records), again)
	}},
	{"a receipt goes back", "queue", func(h *hurt) {
		_, b := h.pair(history.Claimed, history.Claimed, func(a, b *history.Record) bool { return a.Job == b.Job })
		b.Token = 1
	}},
	{"an increment is lost", "counter", func(h *hurt) {
		_, r := h.kind(history.CounterRead, nil)
		r.Version /= 2
	}},
	{"an increment happens twice", "counter", func(h *hurt) {
		_, r := h.kind(history.CounterRead, nil)
		r.Version += 1000
	}},
	{"a version is told twice", "counter", func(h *hurt) {
		a, b := h.pair(history.Incremented, history.Incremented, func(a, b *history.Record) bool { return a.Key == b.Key })
		b.Version = a.Version
	}},
	{"a registered instance is not seen", "registry", func(h *hurt) {
		_, b := h.pair(history.Registered, history.InstancesSeen, func(a, b *history.Record) bool {
			return b.Watcher == 0 && slices.Contains(b.Values, a.Value)
		})
		b.Values = nil
	}},
	{"an instance is seen after its end", "registry", func(h *hurt) {
		a, b := h.pair(history.Deregistered, history.InstancesSeen, func(_, b *history.Record) bool { return b.Watcher == 0 })
		b.Values = append(slices.Clone(b.Values), a.Value)
	}},
	{"an instance that nobody registered", "registry", func(h *hurt) {
		_, r := h.kind(history.InstancesSeen, nil)
		r.Values = append(slices.Clone(r.Values), "nobody")
	}},
	{"an observer of instances goes back", "registry", func(h *hurt) {
		_, b := h.pair(history.InstancesSeen, history.InstancesSeen, func(a, b *history.Record) bool {
			return a.Watcher > 0 && a.Watcher == b.Watcher && a.Revision < b.Revision
		})
		b.Revision = 1
	}},
	{"something of a dropped namespace", "namespaces", func(h *hurt) {
		a, b := h.pair(history.Txn, history.Txn, func(a, b *history.Record) bool {
			return a.Workload == history.Namespaces && b.Workload == history.Namespaces && a.Namespace != b.Namespace &&
				a.Then[0].Type == history.Get && b.Then[0].Type == history.Get && len(a.Then[0].Found) > 0
		})
		b.Then = a.Then
	}},
	{"an answer in a dropped namespace", "namespaces", func(h *hurt) {
		_, r := h.kind(history.NamespaceGone, nil)
		r.Kind, r.Then = history.Txn, []history.Op{{Type: history.Get, Key: "k"}}
	}},
	{"a namespace is said to be gone that is there", "namespaces", func(h *hurt) {
		_, r := h.kind(history.Txn, func(r *history.Record) bool { return r.Workload == history.Namespaces })
		r.Kind = history.NamespaceGone
	}},
	{"refused as compacted, which nobody asked for", "compactions", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.At > 0 && r.Outcome == history.OK })
		r.Outcome, r.Reason, r.Revision = history.Refused, Compacted, r.At+100000
	}},
	{"answered although it is compacted", "compactions", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.At > 0 && r.Outcome == history.Refused && r.Reason == Compacted })
		h.records = append(h.records, func() history.Record {
			a := *r
			a.Outcome, a.Reason, a.Call, a.Return = history.OK, "", time.Second, time.Second
			return a
		}())
	}},
	{"refused as future, which it is not", "compactions", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.At > 0 && r.Outcome == history.OK })
		r.Outcome, r.Reason, r.At = history.Refused, Future, 2
	}},
	{"replicas differ", "hashes", func(h *hurt) {
		_, r := h.kind(history.ReplicaHash, nil)
		r.Value = "other"
	}},
	{"the harness complains", "complaint", func(h *hurt) {
		h.insert(0, history.Record{Kind: history.Complaint, Key: "F01", Reason: "a node did not come back"})
	}},
	{"a read of a key that is old", "registers", func(h *hurt) {
		i, r := h.find(func(r *history.Record) bool { return anyGet(r) && r.Then[0].End == "" })
		_, later := h.after(i+500, func(l *history.Record) bool {
			return anyGet(l) && l.Namespace == h.records[i].Namespace && l.Then[0].Key == r.Then[0].Key && l.Then[0].Found[0] != r.Then[0].Found[0]
		})
		later.Then = r.Then
	}},
	{"a value that a key never had", "registers", func(h *hurt) {
		_, r := h.find(anyGet)
		r.Then[0].Found[0].Value = "other"
	}},
	{"a version that a key never had", "registers", func(h *hurt) {
		_, r := h.find(anyGet)
		r.Then[0].Found[0].Version += 7
	}},
	{"a deleted key is there", "registers", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool {
			return r.Kind == history.Txn && r.Outcome == history.OK && len(r.If) == 0 && len(r.Then) == 1 && r.Then[0].Type == history.Delete && r.Then[0].Deleted > 0
		})
		r.Then[0].Deleted = 0
	}},
	{"two hold without a release between", "locks", func(h *hurt) {
		a, b := h.pair(history.Acquired, history.Released, sameToken)
		h.insert(len(h.records), history.Record{Client: 999, Workload: history.Mutexes, Kind: history.Acquired, Namespace: a.Namespace, Key: a.Key,
			Call: a.Return, Return: b.Call - 1, Token: a.Token + 1})
	}},
	{"a guarded write after the release", "locks", func(h *hurt) {
		a, b := h.pair(history.GuardedWrite, history.Released, sameToken)
		late := *a
		late.Call, late.Return = b.Return+1, b.Return+2
		h.insert(len(h.records), late)
	}},
	{"an acknowledgement by an old receipt", "locks", func(h *hurt) {
		a, b := h.pair(history.Claimed, history.Claimed, func(a, b *history.Record) bool { return a.Job == b.Job && a.Token < b.Token })
		h.insert(len(h.records), history.Record{Workload: history.Queues, Kind: history.Acked, Namespace: a.Namespace, Key: a.Key,
			Job: a.Job, Token: a.Token, Call: b.Return + 1, Return: b.Return + 2})
	}},
	{"a proclamation after the term", "locks", func(h *hurt) {
		a, b := h.pair(history.Proclaimed, history.Resigned, sameToken)
		late := *a
		late.Call, late.Return = b.Return+1, b.Return+2
		h.insert(len(h.records), late)
	}},
}
