package check

import (
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// wanted are the indexes of the events of an entry that this watcher must be told.
func (v *viewer) wanted(e int) []int {
	var wanted []int
	for i := range v.log.entries[e].events {
		event := &v.log.entries[e].events[i]
		if v.watches(event) {
			wanted = append(wanted, i)
		}
	}
	return wanted
}

func (v *viewer) watches(event *history.Event) bool {
	unwanted := history.NoPuts
	if event.Delete {
		unwanted = history.NoDeletes
	}
	return v.asked.Filter&unwanted == 0 && (v.asked.Truth || within(event.KV.Key, v.asked.Key, v.asked.End))
}

func (v *viewer) event(i int, r *history.Record) {
	v.tally.checked(i)
	proof := []int{i, v.watcher.opened}
	switch {
	case r.Revision < v.asked.From:
		v.violation(proof, "told %d, although it begins at %d", r.Revision, v.asked.From)
		return
	case v.asked.From == 0 && r.Revision <= v.asked.Revision:
		v.violation(proof, "told %d, although it begins after %d", r.Revision, v.asked.Revision)
		return
	case r.Revision <= v.settled:
		v.violation(proof, "told %d after progress to %d", r.Revision, v.settled)
		return
	case r.Revision == v.told:
		v.violation(proof, "told %d twice", r.Revision)
		return
	case r.Revision < v.told:
		v.violation(proof, "told %d after %d", r.Revision, v.told)
		return
	}
	v.told = r.Revision
	if len(r.Events) == 0 {
		v.violation(proof, "told %d without an event", r.Revision)
	}
	for e := range r.Events {
		if !v.watches(&r.Events[e]) {
			v.violation(proof, "told an event of %q at %d, which it does not watch", r.Events[e].KV.Key, r.Revision)
			return
		}
	}
	at := v.log.at(r.Revision)
	switch {
	case at < 0 && r.Revision > v.log.reach:
		v.undecided(proof, "the log ends at %d, before what was told at %d", v.log.reach, r.Revision)
		return
	case at < 0:
		v.violation(proof, "told %d, where the log has nothing", r.Revision)
		return
	}
	v.skip(at, i)
	v.next, v.begun = at+1, true
	v.compare(at, i, r)
}

// skip passes over entries up to one, in which nothing may be that it watches.
func (v *viewer) skip(to, i int) {
	if v.next < 0 {
		return
	}
	for ; v.next < to; v.next++ {
		if len(v.wanted(v.next)) > 0 {
			v.violation([]int{i, v.watcher.opened, v.log.entries[v.next].record},
				"watcher %d was not told %d, but what came after it", v.asked.Watcher, v.log.entries[v.next].revision)
		}
	}
}

// compare holds what was told of a revision against the log.
func (v *viewer) compare(at, i int, r *history.Record) {
	proof := []int{i, v.watcher.opened, v.log.entries[at].record}
	wanted := v.wanted(at)
	if len(wanted) != len(r.Events) {
		v.violation(proof, "told %d of the %d events of %d", len(r.Events), len(wanted), r.Revision)
		return
	}
	for n, e := range wanted {
		want, told := &v.log.entries[at].events[e], &r.Events[n]
		if want.Delete != told.Delete || want.KV.Key != told.KV.Key || !want.Delete && want.KV != told.KV ||
			want.Delete && told.KV.Modified != 0 && told.KV.Modified != r.Revision {
			v.violation(proof, "told %+v at %d, the log has %+v", told.KV, r.Revision, want.KV)
		}
		v.previous(proof, at, e, told)
	}
}

func (v *viewer) previous(proof []int, at, e int, told *history.Event) {
	switch want := v.log.previous(at, e); {
	case told.Previous == nil && (want == nil || !v.asked.Previous):
	case told.Previous == nil && v.gone(v.log.entries[at].revision, proof[0]):
	case told.Previous == nil:
		v.violation(proof, "was not told what %q was before %d", told.KV.Key, v.log.entries[at].revision)
	case !v.asked.Previous:
		v.violation(proof, "was told what %q was before, which it had not asked for", told.KV.Key)
	case want == nil || *want != *told.Previous:
		v.violation(proof, "was told that %q was %+v before %d, which the log denies", told.KV.Key, *told.Previous, v.log.entries[at].revision)
	}
}

// gone tells whether a revision may have been compacted when a record was made.
func (v *viewer) gone(revision int64, i int) bool {
	return slices.ContainsFunc(v.watcher.space.compacts, func(c int) bool {
		request := &v.book.records[c]
		return request.Outcome != history.Refused && request.Revision >= revision && request.Call <= v.book.records[i].Return
	})
}

func (v *viewer) progress(i int, r *history.Record) {
	v.tally.checked(i)
	if r.Revision < v.told {
		v.violation([]int{i, v.watcher.opened}, "progress to %d after %d had been told", r.Revision, v.told)
		return
	}
	if v.asked.From == 0 && r.Revision < v.asked.Revision {
		v.violation([]int{i, v.watcher.opened}, "progress to %d, although it begins after %d", r.Revision, v.asked.Revision)
		return
	}
	v.told, v.settled = r.Revision, r.Revision
	if r.Revision > v.log.reach {
		v.undecided([]int{i}, "the log ends at %d, before the progress to %d", v.log.reach, r.Revision)
		return
	}
	to := v.log.from(r.Revision + 1)
	v.skip(to, i)
	if v.begun {
		to = max(to, v.next)
	}
	v.next, v.begun = to, true
}

// endings are the reasons for which a watch may end at any time, beside those that
// say that nothing was decided.
var endings = []string{"CANCELED", "CLOSED", "RESYNC"}

func (v *viewer) end(i int, r *history.Record) {
	v.tally.checked(i)
	proof := []int{i, v.watcher.opened}
	switch {
	case slices.Contains(endings, r.Reason), slices.Contains(noDecision, r.Reason):
	case r.Reason == NamespaceNotFound:
		if !v.mayBeDropped(v.watcher.space, r.Return) {
			v.violation(proof, "ended because there is no namespace %q, which nobody had dropped", v.watcher.space.name)
		}
	case r.Reason != Compacted:
		v.violation(proof, "ended as %q, for which there is no reason", r.Reason)
	case !v.gone(r.Revision, i):
		v.violation([]int{i, v.watcher.opened}, "ended as compacted at %d, which nobody had asked for", r.Revision)
	case max(v.told+1, v.asked.From) > r.Revision:
		v.violation([]int{i, v.watcher.opened}, "ended as compacted at %d, although it had everything up to that", r.Revision)
	}
}
