package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

const ms = time.Millisecond

// busy are acknowledged writes all the time, so that nothing counts as an outage.
func busy(until time.Duration) []history.Record {
	var all []history.Record
	for at := time.Duration(0); at < until; at += 20 * ms {
		all = append(all, history.Record{Workload: history.Queues, Kind: history.Nacked, Key: "none", Call: at, Return: at})
	}
	return all
}

// wants judges a history and compares what one checker says with what it should;
// "" is nothing.
func wants(t *testing.T, records []history.Record, checker, want string) {
	t.Helper()
	slices.SortStableFunc(records, func(a, b history.Record) int { return int(a.Return - b.Return) })
	var said []string
	for _, r := range Run(records, Options{}).Results {
		for _, v := range slices.Concat(r.Violations, r.Undecided) {
			if r.Checker == checker {
				said = append(said, v.What)
			}
		}
	}
	if all := strings.Join(said, "; "); want == "" && all != "" || !strings.Contains(all, want) {
		t.Errorf("%s says %q, not %q", checker, all, want)
	}
}

// The hold of one who learns late that it is over does not hide another that overlaps.
func TestLateLoserHidesNobody(t *testing.T) {
	at := func(kind history.Kind, token int64, when time.Duration) history.Record {
		return history.Record{Workload: history.Mutexes, Kind: kind, Namespace: "default", Key: "m", Token: token, Call: when, Return: when, TTL: time.Second}
	}
	lost := at(history.HoldLost, 1, 250*ms)
	lost.Reason = "SESSION_EXPIRED"
	late := []history.Record{at(history.Acquired, 1, 0), at(history.Acquired, 2, 100*ms), lost}
	wants(t, append(slices.Clone(late), at(history.Released, 2, 140*ms), at(history.Acquired, 3, 150*ms)), "token", "")
	wants(t, append(slices.Clone(late), at(history.Released, 2, 240*ms), at(history.Acquired, 3, 150*ms)), "token", "the holder of 2")
}

// Only a renewal that may have come before a sighting makes it unclear.
func TestUnknownRenewal(t *testing.T) {
	at := func(kind history.Kind, outcome history.Outcome, when time.Duration) history.Record {
		return history.Record{Workload: history.Leases, Kind: kind, Outcome: outcome, Namespace: "default", Lease: 7, TTL: 100 * ms, Call: when, Return: when}
	}
	late := append(busy(4*time.Second), at(history.LeaseGranted, history.OK, 0), at(history.LeaseSeen, history.OK, 3*time.Second))
	wants(t, slices.Clone(late), "lease", "after its time")
	wants(t, append(slices.Clone(late), at(history.LeaseRenewed, history.Unknown, 3500*ms)), "lease", "after its time")
	wants(t, append(slices.Clone(late), at(history.LeaseRenewed, history.Unknown, 50*ms)), "lease", "")

	registered := at(history.Registered, history.OK, 10*ms)
	registered.Workload, registered.Key, registered.Value = history.Registry, "s", "i"
	seen := registered
	seen.Kind, seen.Values, seen.Revision, seen.Call, seen.Return = history.InstancesSeen, []string{"i"}, 5, 3*time.Second, 3*time.Second
	late = append(busy(4*time.Second), at(history.LeaseGranted, history.OK, 0), registered, seen)
	wants(t, append(slices.Clone(late), at(history.LeaseRenewed, history.Unknown, 3500*ms)), "registry", "still seen")
	wants(t, append(slices.Clone(late), at(history.LeaseRenewed, history.Unknown, 50*ms)), "registry", "")
}

// What the log of a dropped namespace has not is excused only by the drop.
func TestLogOfDroppedNamespace(t *testing.T) {
	const space = "t#1"
	wrote := func(revision int64, when time.Duration) history.Record {
		return history.Record{Workload: history.Namespaces, Kind: history.Txn, Namespace: space, Call: when, Return: when + 1,
			Revision: revision, Succeeded: true, Then: []history.Op{{Type: history.Put, Key: "k", Value: fmt.Sprint(revision)}}}
	}
	told := func(kind history.Kind, reason string, when time.Duration) history.Record {
		r := history.Record{Workload: history.Watches, Kind: kind, Namespace: space, Watcher: 1, Reason: reason, Call: when, Return: when}
		if kind == history.WatchOpened {
			r.Truth, r.From = true, 2
		}
		return r
	}
	first := told(history.WatchEvent, "", 3*ms)
	first.Revision = 2
	first.Events = []history.Event{{KV: history.KV{Key: "k", Value: "2", Created: 2, Modified: 2, Version: 1}}}
	dropped := history.Record{Workload: history.Namespaces, Kind: history.Dropped, Namespace: "default", Key: space, Call: 10 * ms, Return: 20 * ms}
	perhaps := dropped
	perhaps.Outcome = history.Unknown
	for name, test := range map[string]struct {
		drop   history.Record
		reason string
		at     time.Duration
		want   string
	}{
		"it ended by the drop":              {dropped, NamespaceNotFound, 15 * ms, ""},
		"by one of unknown outcome":         {perhaps, NamespaceNotFound, 15 * ms, ""},
		"it ended before the drop":          {dropped, NamespaceNotFound, 8 * ms, "the log ends at 2"},
		"it ended for another reason":       {dropped, "CANCELED", 15 * ms, "the log ends at 2"},
		"it was cut, and nothing was known": {perhaps, "CANCELED", 15 * ms, "the log ends at 2"},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, []history.Record{told(history.WatchOpened, "", 0), wrote(2, 1*ms), first, wrote(3, 5*ms),
				test.drop, told(history.WatchEnded, test.reason, test.at)}, "linear", test.want)
		})
	}
}

// Each node has to be compared in each shard.
func TestHashesOfAll(t *testing.T) {
	healthy := history.Record{Kind: history.Healthy}
	hash := func(node string, index int64) history.Record {
		return history.Record{Kind: history.ReplicaHash, Node: node, Key: "2", Revision: index, Value: "abc"}
	}
	asked := func(node string) history.Record {
		return history.Record{Workload: history.Registers, Kind: history.Txn, Namespace: "default", Node: node,
			Outcome: history.Refused, Reason: "NO_QUORUM", Then: []history.Op{{Type: history.Put, Key: "k", Value: "v" + node}}}
	}
	two := []history.Record{healthy, hash("n1", 9), hash("n2", 9)}
	wants(t, slices.Clone(two), "hashes", "")
	wants(t, []history.Record{healthy}, "hashes", "no hash of any")
	wants(t, []history.Record{healthy, hash("n1", 9)}, "hashes", "1 of 2 replicas")
	wants(t, append(slices.Clone(two), hash("n3", 8)), "hashes", "2 of 3 replicas")
	clients := []history.Record{asked("http://10.0.0.1:7400"), asked("http://10.0.0.1:2379"), asked("http://10.0.0.2:7400")}
	wants(t, append(slices.Clone(two), clients...), "hashes", "")
	wants(t, append(slices.Clone(two), append(clients, asked("http://10.0.0.3:7400"))...), "hashes", "2 of 3 replicas")
}

// A read of a counter that nobody knows the end of says nothing.
func TestUnknownCounterRead(t *testing.T) {
	wants(t, []history.Record{
		{Workload: history.Counters, Kind: history.Incremented, Namespace: "default", Key: "n", Version: 1, Call: 1, Return: 2},
		{Workload: history.Counters, Kind: history.CounterRead, Namespace: "default", Key: "n", Outcome: history.Unknown, Call: 3, Return: 4},
	}, "counter", "")
}

// A record counts once, however many keys are in it, and only when it was judged.
func TestCheckedOnce(t *testing.T) {
	records := sound(1)
	has := make(map[history.Workload]int64)
	for i := range records {
		has[records[i].Workload]++
	}
	for _, r := range Run(records, Options{}).Results {
		if r.Checked > has[r.Workload] {
			t.Errorf("%s counts %d of the %d records of %v", r.Checker, r.Checked, has[r.Workload], r.Workload)
		}
	}
	var unknown []history.Record
	for _, kind := range []history.Kind{history.List, history.LeaseRenewed, history.Released, history.GuardedWrite, history.Proclaimed,
		history.Enqueued, history.Acked, history.Incremented, history.Registered, history.Dropped, history.Compacted} {
		unknown = append(unknown, history.Record{Workload: history.Registers, Kind: kind, Outcome: history.Unknown,
			Namespace: "default", Key: "k", Lease: 1, Job: 1, Token: 1})
	}
	for _, r := range Run(unknown, Options{}).Results {
		if r.Checked > 0 {
			t.Errorf("%s has decided about %d calls of unknown outcome", r.Checker, r.Checked)
		}
	}
}

// Of many writes of unknown outcome, those that the log tells of explain what was read;
// to try all choices would take for ever.
func TestUnknownWritesThatTheLogTells(t *testing.T) {
	const writes = 40
	var records []history.Record
	add := func(r history.Record) {
		r.Workload, r.Namespace, r.Return = cmp.Or(r.Workload, history.Registers), "default", max(r.Return, r.Call)
		records = append(records, r)
	}
	add(history.Record{Workload: history.Watches, Kind: history.WatchOpened, Watcher: 1, From: 1, Previous: true, Truth: true})
	version, last := int64(0), history.KV{Key: "k"}
	for i := range writes {
		at := time.Duration(i+1) * 10 * ms
		put := history.Op{Type: history.Put, Key: "k", Value: fmt.Sprint("v", i)}
		add(history.Record{Client: int32(i), Kind: history.Txn, Outcome: history.Unknown, Call: at, Return: at + ms, Then: []history.Op{put}})
		if i%2 == 0 {
			version++
			last = history.KV{Key: "k", Value: put.Value, Created: 1, Modified: version, Version: version}
			add(history.Record{Workload: history.Watches, Kind: history.WatchEvent, Watcher: 1, Revision: version, Call: at + 2*ms,
				Events: []history.Event{{KV: last}}})
		}
	}
	add(history.Record{Client: 99, Kind: history.Txn, Revision: version, Call: time.Second, Succeeded: true,
		Then: []history.Op{{Type: history.Get, Key: "k", Found: []history.KV{last}}}})
	began := time.Now()
	wants(t, records, "registers", "")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("that took %v", took)
	}
}

// Deletes of unknown outcome have no value that somebody could see: those that the log
// tells of are where it has them.
func TestUnknownDeletesThatTheLogTells(t *testing.T) {
	var records []history.Record
	add := func(r history.Record) {
		r.Workload, r.Namespace, r.Return = cmp.Or(r.Workload, history.Registers), "default", max(r.Return, r.Call)
		records = append(records, r)
	}
	log := func(at time.Duration, revision int64, e history.Event) {
		add(history.Record{Workload: history.Watches, Kind: history.WatchEvent, Watcher: 1, Revision: revision, Call: at, Events: []history.Event{e}})
	}
	add(history.Record{Workload: history.Watches, Kind: history.WatchOpened, Watcher: 1, From: 1, Previous: true, Truth: true})
	for i := range 60 {
		at := time.Duration(i+1) * 10 * ms
		guard := history.Op{Type: history.IfVersion, Key: "k", Number: 1}
		add(history.Record{Client: int32(i), Kind: history.Txn, Outcome: history.Unknown, Call: at, Return: at + ms, If: []history.Op{guard},
			Then: []history.Op{{Type: history.Delete, Key: "k"}}, Else: []history.Op{{Type: history.Get, Key: "k"}}})
	}
	var revision int64
	for i := range 20 {
		at := time.Second + time.Duration(i)*10*ms
		revision++
		kv := history.KV{Key: "k", Value: fmt.Sprint("v", i), Created: revision, Modified: revision, Version: 1}
		add(history.Record{Client: 99, Kind: history.Txn, Revision: revision, Call: at + 2*ms, Return: at + 3*ms, Succeeded: true,
			Then: []history.Op{{Type: history.Put, Key: "k", Value: kv.Value}}})
		log(at+3*ms, revision, history.Event{KV: kv})
		revision++
		log(at+5*ms, revision, history.Event{Delete: true, KV: history.KV{Key: "k", Modified: revision}})
		add(history.Record{Client: 98, Kind: history.Txn, Revision: revision, Call: at + 6*ms, Return: at + 7*ms, Succeeded: true,
			Then: []history.Op{{Type: history.Get, Key: "k"}}})
	}
	began := time.Now()
	wants(t, records, "registers", "")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("that took %v", took)
	}
}

// Where a fault has leaders change all the time, short silences add up to what a lease
// may be late by; otherwise they are what clients leave between their calls.
func TestLateUnderAFault(t *testing.T) {
	records := []history.Record{{Workload: history.Leases, Kind: history.LeaseGranted, Lease: 7, Return: ms, TTL: 2 * time.Second}}
	for at := 30 * ms; at < 5*time.Second; at += 30 * ms {
		records = append(records, history.Record{Workload: history.Leases, Kind: history.LeaseRenewed, Lease: 8, Call: at - ms, Return: at, TTL: time.Hour})
	}
	records = append(records, history.Record{Workload: history.Leases, Kind: history.LeaseSeen, Lease: 7, Call: 4 * time.Second,
		Return: 4*time.Second + ms})
	for i := range records {
		records[i].Namespace = "default"
	}
	wants(t, records, "lease", "after its time")
	fault := history.Record{Kind: history.FaultBegun, Key: "F05", Call: 10 * ms, Return: 11 * ms}
	wants(t, append(slices.Clip(records), fault), "lease", "")
	fault.Call, fault.Return = 4900*ms, 4901*ms
	wants(t, append(slices.Clip(records), fault), "lease", "after its time")
}
