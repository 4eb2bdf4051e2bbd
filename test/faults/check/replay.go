package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/conclavehq/conclave/test/faults/history"
)

// attempt is a transaction carried out on a store without changing it: what it
// would do, and where the answer that a client got differs.
type attempt struct {
	on       *store
	revision int64
	events   []history.Event
	wrong    []string
}

// body is the branch of a transaction that was carried out, by its answer, and the
// other one.
func body(r *history.Record) (branch, other []history.Op) {
	if len(r.If) == 0 || r.Succeeded {
		return r.Then, r.Else
	}
	return r.Else, r.Then
}

// wrote tells whether the answer of a transaction says that it changed something.
func wrote(r *history.Record) bool {
	branch, _ := body(r)
	for i := range branch {
		if branch[i].Type == history.Put || branch[i].Type == history.Delete && branch[i].Deleted > 0 {
			return true
		}
	}
	return false
}

// answered carries out a transaction at a revision and compares all that its
// client was told.
func answered(on *store, r *history.Record, revision int64) *attempt {
	a := &attempt{on: on, revision: revision}
	if len(r.If) > 0 {
		a.same("succeeded", a.compare(r.If), r.Succeeded)
	}
	branch, _ := body(r)
	for i := range branch {
		a.operation(&branch[i], true)
	}
	if r.Kind == history.CounterRead || r.Kind == history.Incremented && r.Version != 0 {
		var version int64
		if now := a.scan(r.Key, ""); len(now) > 0 {
			version = now[0].Version
		}
		a.same("version", version, r.Version)
	}
	return a
}

// effect carries out a transaction of which no answer is known.
func effect(on *store, r *history.Record, revision int64) []history.Event {
	a := &attempt{on: on, revision: revision}
	branch := r.Else
	if a.compare(r.If) {
		branch = r.Then
	}
	for i := range branch {
		a.operation(&branch[i], false)
	}
	return a.events
}

func (a *attempt) same(what string, want, got any) {
	if want != got {
		a.wrong = append(a.wrong, fmt.Sprintf("%s: answered %v, the log says %v", what, got, want))
	}
}

func (a *attempt) compare(conditions []history.Op) bool {
	for i := range conditions {
		c := &conditions[i]
		kv, found := a.on.keys.Get(c.Key)
		var holds bool
		switch c.Type {
		case history.IfValue:
			holds = found && kv.Value == c.Value
		case history.IfModRevision:
			holds = kv.Modified == c.Number
		case history.IfVersion:
			holds = kv.Version == c.Number
		}
		if !holds {
			return false
		}
	}
	return true
}

func (a *attempt) operation(op *history.Op, told bool) {
	before := a.scan(op.Key, op.End)
	switch op.Type {
	case history.Get:
		if told {
			a.sameKVs(op, before)
		}
		return
	case history.Put:
		kv := history.KV{Key: op.Key, Value: op.Value, Created: a.revision, Modified: a.revision, Version: 1, Lease: op.Lease}
		if len(before) > 0 {
			kv.Created, kv.Version = before[0].Created, before[0].Version+1
		}
		a.events = append(a.events, history.Event{KV: kv})
	case history.Delete:
		for i := range before {
			a.events = append(a.events, history.Event{Delete: true,
				KV: history.KV{Key: before[i].Key, Modified: a.revision}})
		}
		if told {
			a.same("deleted", int64(len(before)), op.Deleted)
		}
	}
	// The previous versions, where they were told. That somebody asked for them is
	// not on record, so that they are missing is not seen here.
	if told && len(op.Found) > 0 {
		a.sameKVs(op, before)
	}
}

func (a *attempt) sameKVs(op *history.Op, want []history.KV) {
	if !slices.Equal(want, op.Found) {
		a.wrong = append(a.wrong, fmt.Sprintf("[%q, %q): answered %s, the log says %s", op.Key, op.End, brief(op.Found), brief(want)))
	}
}

// scan sees what the transaction did before.
func (a *attempt) scan(from, end string) []history.KV {
	found := a.on.scan(from, end)
	for i := range a.events {
		kv := a.events[i].KV
		if !within(kv.Key, from, end) {
			continue
		}
		at, there := slices.BinarySearchFunc(found, kv.Key, func(f history.KV, key string) int { return strings.Compare(f.Key, key) })
		switch {
		case a.events[i].Delete && there:
			found = slices.Delete(found, at, at+1)
		case a.events[i].Delete:
		case there:
			found[at] = kv
		default:
			found = slices.Insert(found, at, kv)
		}
	}
	return found
}

// brief shows the keys that differ in a proof, not hundreds of them.
func brief(kvs []history.KV) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d keys", len(kvs))
	for i := range kvs[:min(len(kvs), 3)] {
		kv := &kvs[i]
		fmt.Fprintf(&s, " %q=%.40q@%d v%d", kv.Key, kv.Value, kv.Modified, kv.Version)
	}
	return s.String()
}

// sameEvents compares what a revision should have done and what the log says. The
// order within a revision is that of the operations, which a range delete leaves
// open, so it does not matter here.
func sameEvents(want, told []history.Event) bool {
	if len(want) != len(told) {
		return false
	}
	if len(want) > 1 {
		want, told = slices.Clone(want), slices.Clone(told)
		byKey := func(a, b history.Event) int { return strings.Compare(a.KV.Key, b.KV.Key) }
		slices.SortStableFunc(want, byKey)
		slices.SortStableFunc(told, byKey)
	}
	for i := range want {
		if want[i].Delete != told[i].Delete || want[i].KV.Key != told[i].KV.Key ||
			!want[i].Delete && want[i].KV != told[i].KV {
			return false
		}
	}
	return true
}
