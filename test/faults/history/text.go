package history

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

var kindNames = [...]string{
	Txn: "txn", List: "list", WatchOpened: "watch opened", WatchEvent: "watch event", WatchProgress: "watch progress",
	WatchEnded: "watch ended", LeaseGranted: "lease granted", LeaseRenewed: "lease renewed", LeaseRevoked: "lease revoked",
	LeaseSeen: "lease seen", LeaseGone: "lease gone", Acquired: "acquired", Released: "released", HoldLost: "hold lost",
	OutsideWrite: "outside write", GuardedWrite: "guarded write", Elected: "elected", Resigned: "resigned",
	TermLost: "term lost", Proclaimed: "proclaimed", LeaderSeen: "leader seen", Enqueued: "enqueued", Claimed: "claimed",
	Extended: "extended", Acked: "acked", Nacked: "nacked", ClaimLost: "claim lost", Drained: "drained",
	Incremented: "incremented", CounterRead: "counter read", Registered: "registered", Deregistered: "deregistered",
	InstancesSeen: "instances seen", Created: "created", Dropped: "dropped", NamespaceGone: "namespace gone",
	Compacted: "compacted", FaultBegun: "FAULT BEGUN", FaultEnded: "FAULT ENDED", ReplicaHash: "replica hash",
	LeaderGone: "LEADER GONE", Healthy: "HEALTHY", Complaint: "COMPLAINT",
}

// String is the kind's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// String is the event with what was there before it, if that was told.
func (e Event) String() string {
	text := fmt.Sprintf("{Delete:%v KV:%+v", e.Delete, e.KV)
	if e.Previous != nil {
		text += fmt.Sprintf(" Previous:%+v", *e.Previous)
	}
	return text + "}"
}

// told are the fields that the head of a line has.
var told = map[string]bool{"Client": true, "Workload": true, "Kind": true, "Call": true, "Return": true, "Outcome": true}

// String is the record as a line for people: who, when, what, and all fields that
// are not zero.
func (r *Record) String() string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "c%-4d %9.6fs +%-9v %-11s %-15s", r.Client, r.Call.Seconds(),
		(r.Return - r.Call).Round(time.Microsecond), r.Workload, r.Kind)
	if r.Outcome != OK {
		_, _ = fmt.Fprintf(&b, " %s", r.Outcome)
	}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if told[name] || v.Field(i).IsZero() {
			continue
		}
		if v.Field(i).Kind() == reflect.String {
			_, _ = fmt.Fprintf(&b, " %s=%q", name, v.Field(i).String())
			continue
		}
		_, _ = fmt.Fprintf(&b, " %s=%+v", name, v.Field(i).Interface())
	}
	return b.String()
}
