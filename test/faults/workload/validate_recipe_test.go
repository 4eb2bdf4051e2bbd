package workload

import (
	"slices"
	"strconv"
	"testing"

	"github.com/conclavehq/conclave/test/faults/history"
)

// isNews reports whether a record is of something that a client was told while it
// did something else.
func isNews(r *history.Record) bool {
	return r.Watcher > 0 || r.Kind == history.HoldLost || r.Kind == history.TermLost || r.Kind == history.ClaimLost
}

// isLook reports whether a record is of a question about a recipe.
func isLook(r *history.Record) bool {
	return slices.Contains([]history.Kind{history.LeaseSeen, history.LeaseGone, history.LeaderSeen, history.InstancesSeen}, r.Kind)
}

// recipe looks at what a record of a lease, lock, election, queue or registry says.
func (v *validator) recipe(r *history.Record) {
	ok := r.Outcome == history.OK
	switch r.Kind {
	case history.LeaseGranted, history.LeaseRenewed, history.LeaseRevoked, history.LeaseSeen, history.LeaseGone:
		v.has(r, ok, r.Lease != 0)
		v.has(r, r.Kind == history.LeaseGranted || r.Kind == history.LeaseRenewed, r.TTL > 0)
	case history.Acquired, history.Elected:
		v.has(r, true, r.Key != "" && r.Lease != 0 && r.TTL > 0 && ok == (r.Token > 0))
	case history.Released, history.HoldLost, history.Resigned, history.TermLost, history.Proclaimed, history.GuardedWrite:
		v.has(r, true, r.Key != "" && r.Token > 0)
		v.has(r, isNews(r), r.Reason != "" && r.Call == r.Return)
		v.has(r, r.Kind == history.Proclaimed && ok, r.Revision > r.Token)
	case history.OutsideWrite:
		v.has(r, true, r.Key != "" && r.Token > 0 && r.Value != "" && (r.Outcome != history.Refused || r.Fenced))
		v.has(r, r.Fenced, !r.Lost)
	case history.Enqueued, history.Drained:
		v.has(r, ok, r.Key != "" && r.Value != "" && r.Job > 0)
	case history.Claimed:
		v.has(r, true, r.Key != "" && r.Lease != 0 && r.TTL > 0)
		v.has(r, ok, r.Value != "" && r.Job > 0 && r.Token > 0 && r.Attempt > 0)
	case history.Extended, history.Acked, history.Nacked, history.ClaimLost:
		v.has(r, true, r.Key != "" && r.Job > 0 && r.Token > 0)
		v.has(r, isNews(r), r.Reason != "" && r.Call == r.Return)
	case history.LeaderSeen:
		v.has(r, true, r.Key != "" && (r.Token == 0) == (r.Value == ""))
	case history.Registered, history.Deregistered:
		v.has(r, true, r.Key != "" && r.Value != "")
	case history.InstancesSeen:
		v.has(r, true, r.Key != "" && r.Revision > 0 && slices.IsSorted(r.Values))
	}
}

// has complains when a record is one that should fulfil something and does not.
func (v *validator) has(r *history.Record, should, does bool) {
	if should && !does {
		v.failf("workload %d, kind %d: not as the contract says: %+v", r.Workload, r.Kind, r)
	}
}

// recipeKinds are what the workloads of recipes record, by either client.
var recipeKinds = map[history.Workload][]history.Kind{
	history.Leases:    {history.Txn, history.LeaseGranted, history.LeaseRenewed, history.LeaseRevoked, history.LeaseSeen, history.LeaseGone},
	history.Mutexes:   {history.Acquired, history.Released, history.OutsideWrite},
	history.Guarded:   {history.Acquired, history.Released, history.GuardedWrite},
	history.Elections: {history.Elected, history.Proclaimed, history.Resigned, history.LeaderSeen},
	history.Queues:    {history.Txn, history.Enqueued, history.Claimed, history.Extended, history.Acked, history.Nacked},
	history.Registry:  {history.Registered, history.Deregistered, history.InstancesSeen},
}

// TestRecipes: everything that the recipes record appears, as the contract says.
func TestRecipes(t *testing.T) {
	node := serve(t)
	var only []history.Workload
	for w := range recipeKinds {
		only = append(only, w)
	}
	records := record(t, Config{Endpoints: node.Endpoints(), EtcdEndpoints: node.EtcdEndpoints(), Seed: 3, Only: only},
		func(l *Load) { grow(t, l, 8000) })
	validate(t, records)
	survey(t, records)
	appears := func(w history.Workload, fits func(r history.Record) bool) bool {
		return slices.ContainsFunc(records, func(r history.Record) bool {
			return r.Workload == w && r.Outcome == history.OK && fits(r)
		})
	}
	for w, kinds := range recipeKinds {
		for _, kind := range kinds {
			if !appears(w, func(r history.Record) bool { return r.Kind == kind }) {
				t.Errorf("%v: kind %d does not appear", w, kind)
			}
		}
		byEtcd := appears(w, func(r history.Record) bool { return r.Via == history.Etcd })
		if none := w == history.Queues || w == history.Registry; byEtcd == none {
			t.Errorf("%v: by etcd's clients: %v", w, byEtcd)
		}
	}
	if open := undrained(records); len(open) > 0 {
		t.Errorf("%d jobs are neither finished nor found, %d among them", len(open), open[0])
	}
}

// undrained are the jobs that were added and are not accounted for.
func undrained(records []history.Record) []uint64 {
	done := make(map[string]bool)
	key := func(r history.Record) string { return r.Key + " " + strconv.FormatUint(r.Job, 10) }
	for _, r := range records {
		if r.Kind == history.Drained || r.Kind == history.Acked && r.Outcome != history.Refused {
			done[key(r)] = true
		}
	}
	var open []uint64
	for _, r := range records {
		if r.Kind == history.Enqueued && r.Outcome == history.OK && !done[key(r)] {
			open = append(open, r.Job)
		}
	}
	return open
}
