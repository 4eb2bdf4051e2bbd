package check

import (
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// refuse has a record be a refusal.
func refuse(r *history.Record, reason string) {
	r.Outcome, r.Reason, r.Revision, r.Succeeded = history.Refused, reason, 0, false
}

var refusalDamages = []damage{
	{"a put is refused as no put can be", "refusals", func(h *hurt) {
		_, r := h.find(anyPut)
		refuse(r, "TOO_LARGE")
	}},
	{"a refusal without a reason", "refusals", func(h *hurt) {
		_, r := h.find(anyPut)
		refuse(r, "")
	}},
	{"default is said not to be there", "refusals", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return anyGet(r) && r.Namespace == "default" })
		refuse(r, NamespaceNotFound)
	}},
	{"a namespace is said not to be there while it is", "refusals", func(h *hurt) {
		_, r := h.kind(history.Txn, func(r *history.Record) bool { return r.Workload == history.Namespaces })
		refuse(r, NamespaceNotFound)
	}},
	{"a namespace is dropped that is not there", "refusals", func(h *hurt) {
		_, r := h.kind(history.Dropped, nil)
		refuse(r, NamespaceNotFound)
	}},
	{"a namespace is there before it is created", "refusals", func(h *hurt) {
		_, r := h.kind(history.Created, nil)
		refuse(r, "NAMESPACE_EXISTS")
	}},
	{"a session holds already what it gave back", "refusals", func(h *hurt) {
		a, b := h.pair(history.Released, history.Acquired, func(a, b *history.Record) bool { return a.Key == b.Key })
		for i := range h.records {
			if r := &h.records[i]; r.Kind == history.Acquired && r.Token == a.Token {
				r.Lease = 4711
			}
		}
		b.Lease = 4711
		refuse(b, "ALREADY_HELD")
	}},
	{"there is no room on disks that nobody filled", "refusals", func(h *hurt) {
		_, r := h.find(anyPut)
		refuse(r, "NO_SPACE")
	}},
	{"there is no room for a read", "refusals", func(h *hurt) {
		_, r := h.find(anyGet)
		refuse(r, "NO_SPACE")
		h.insert(0, history.Record{Kind: history.FaultBegun, Key: "F17"})
	}},
	{"what is now is refused as compacted", "refusals", func(h *hurt) {
		_, r := h.find(anyGet)
		refuse(r, Compacted)
	}},
	{"a put without a lease is refused for its lease", "refusals", func(h *hurt) {
		_, r := h.find(anyPut)
		refuse(r, LeaseNotFound)
	}},
}

// excusedDamages are accompanied by something that must not excuse them.
var excusedDamages = []damage{
	{"a watch from now loses what was written after it was open", "watch", func(h *hurt) {
		called := make(map[int64]time.Duration)
		for i := range h.records {
			if r := &h.records[i]; r.Namespace == "keys" && r.Kind == history.Txn && r.Outcome == history.OK && r.At == 0 && wrote(r) {
				called[r.Revision] = r.Call
			}
		}
		opened := make(map[int32]*history.Record)
		for i := range h.records {
			r := &h.records[i]
			if r.Kind == history.WatchOpened && !r.Truth && r.Namespace == "keys" {
				opened[r.Watcher] = r
			}
			// The first event of one watcher that surely came after it was open.
			if o := opened[r.Watcher]; r.Kind == history.WatchEvent && o != nil && called[r.Revision] > o.Return {
				id := r.Watcher
				_, _ = h.after(i, func(r *history.Record) bool { return r.Kind == history.WatchEvent && r.Watcher == id })
				o.From, o.Revision = 0, 0
				at := r.Revision
				h.records = slices.DeleteFunc(h.records, func(r history.Record) bool {
					return r.Watcher == id && (r.Kind == history.WatchEvent || r.Kind == history.WatchProgress) && r.Revision <= at
				})
				return
			}
		}
		h.t.Fatal("no watcher fits this damage")
	}},
	{"a watch ends as none can", "watch", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.Kind == history.WatchEnded })
		r.Reason = "INTERNAL"
	}},
	{"a watch ends because default is gone", "watch", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.Kind == history.WatchEnded && r.Namespace == "default" })
		r.Reason = NamespaceNotFound
	}},
	{"a write guarded by a token of nobody is taken", "token", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.Kind == history.GuardedWrite && r.Outcome == history.Refused })
		r.Outcome, r.Reason, r.Revision, r.Token = history.OK, "", 1, 1<<50
		h.records = slices.DeleteFunc(h.records, func(r history.Record) bool {
			return r.Kind == history.Acquired && r.Outcome == history.Unknown
		})
	}},
	{"a key goes with its lease too early, and is deleted in vain later", "lease", func(h *hurt) {
		id := h.truth("default")
		_, put := h.kind(history.Txn, func(r *history.Record) bool {
			return r.Workload == history.Leases && len(r.Then) == 1 && r.Then[0].Lease > 1<<40
		})
		key := put.Then[0].Key
		var last time.Duration
		for i := range h.records {
			r := &h.records[i]
			last = max(last, r.Return)
			if r.Kind == history.WatchEvent && r.Watcher == id && r.Events[0].Delete && r.Events[0].KV.Key == key {
				r.Call, r.Return = put.Return, put.Return
			}
		}
		h.insert(len(h.records), history.Record{Workload: history.Leases, Kind: history.Txn, Namespace: "default", Outcome: history.Unknown,
			Call: last, Return: last, Then: []history.Op{{Type: history.Delete, Key: key}}})
	}},
	{"a leader has no name, and somebody resigned or did not", "election", func(h *hurt) {
		i, r := h.kind(history.LeaderSeen, func(r *history.Record) bool { return r.Token > 0 })
		r.Value = ""
		h.insert(i, history.Record{Workload: history.Elections, Kind: history.Resigned, Namespace: r.Namespace, Key: r.Key,
			Outcome: history.Unknown, Token: r.Token, Call: r.Call, Return: r.Call})
	}},
	{"a leader has the name of a proclamation in another term", "election", func(h *hurt) {
		i, r := h.kind(history.LeaderSeen, func(r *history.Record) bool { return r.Token > 0 })
		r.Value = "somebody"
		h.insert(i, history.Record{Workload: history.Elections, Kind: history.Proclaimed, Namespace: r.Namespace, Key: r.Key,
			Outcome: history.Unknown, Token: r.Token - 1, Value: r.Value, Call: r.Call - 1, Return: r.Call})
	}},
	{"the future is compacted", "compactions", func(h *hurt) {
		_, r := h.kind(history.Compacted, nil)
		last := *r // so that no read comes after it
		last.Call, last.Return, last.Revision = time.Minute, time.Minute, 1_000_000
		h.insert(len(h.records), last)
	}},
}
