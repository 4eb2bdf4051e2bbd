package check

import (
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkWatches proves for every watcher, against the log of its namespace, that what
// it was told is
//
//  1. ordered: revisions grow;
//  2. unique: no revision comes twice;
//  3. reliable: nothing that it watches is missing, from its start to the last
//     that it was told;
//  4. atomic: all of a revision at once, as the log has it, not a part;
//  5. bookmarkable: when progress to a revision was told, everything up to it had
//     been, and nothing up to it comes later;
//  6. resumable: one that begins at a revision gets everything from there on, and
//     is only refused when that was compacted;
//  7. filtered: nothing outside of its range, or of a kind that it does not want;
//  8. told what was before, where it asked for it and it is not compacted;
//  9. not older than its start, also when that is in the future.
//
// The log itself is held to 1, 2, 5 and 9, and has no gap in a namespace where only
// writes of keys take a revision. It does not prove when a watcher that begins
// "now" began: for it, 3 holds from the first thing that it was told. What is not
// told to one that is still open at the end may be late or lost: undecided.
func checkWatches(b *book, t *tally) {
	for _, w := range b.watchers {
		switch {
		case w.opened < 0:
			t.violation(w.records[:1], "a watcher that was never opened was told something")
		case b.chronicle(w.space) == nil:
			t.undecided([]int{w.opened}, "nobody kept the log of namespace %q", w.space.name)
		default:
			v := &viewer{book: b, tally: t, watcher: w, log: b.chronicle(w.space),
				asked: &b.records[w.opened]}
			v.check()
		}
	}
	for _, s := range b.spaces {
		if log := b.chronicle(s); log != nil && s.takesKVs {
			dense(log, t)
		}
	}
}

func dense(log *chronicle, t *tally) {
	for e := 1; e < len(log.entries); e++ {
		if before, after := log.entries[e-1], log.entries[e]; after.revision != before.revision+1 {
			t.violation([]int{after.record, before.record}, "the log has nothing between %d and %d, where only keys take revisions",
				before.revision, after.revision)
		}
	}
}

// viewer checks one watcher.
type viewer struct {
	*book
	*tally
	watcher *watcher
	asked   *history.Record
	log     *chronicle

	told    int64 // the newest revision of an event or of progress
	settled int64 // the newest progress
	next    int   // the first entry of the log that was not compared; -1: not begun
	ended   bool
}

func (v *viewer) check() {
	v.next = -1
	if v.asked.From > 0 {
		v.next = v.log.from(v.asked.From)
	}
	v.tally.checked(v.watcher.opened)
	v.resumed()
	for _, i := range v.watcher.records {
		r := &v.book.records[i]
		if v.ended {
			v.violation([]int{i, v.watcher.opened}, "told something after the watch had ended")
		}
		switch r.Kind {
		case history.WatchEvent:
			v.event(i, r)
		case history.WatchProgress:
			v.progress(i, r)
		case history.WatchEnded:
			v.ended = true
			v.end(i, r)
		}
	}
	if v.ended || v.next < 0 {
		return
	}
	for ; v.next < len(v.log.entries); v.next++ {
		if e := &v.log.entries[v.next]; len(v.wanted(v.next)) > 0 {
			v.undecided([]int{v.watcher.opened, e.record}, "a watcher that never ended was not told %d", e.revision)
			return
		}
	}
}

// resumed demands of the log that it goes on where it was; other watchers may begin
// again wherever they like.
func (v *viewer) resumed() {
	told := int64(0)
	for w := v.watcher.before; w != nil; w = w.before {
		for _, i := range w.records {
			if r := &v.book.records[i]; r.Kind != history.WatchEnded {
				told = max(told, r.Revision)
			}
		}
	}
	if v.asked.Truth && v.watcher.before != nil && v.asked.From != told+1 {
		v.violation([]int{v.watcher.opened}, "the log goes on at %d, but had been told to %d", v.asked.From, told)
	}
}

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
	v.next = at + 1
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
				"was not told %d, but what came after it", v.log.entries[v.next].revision)
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
	v.told, v.settled = r.Revision, r.Revision
	if r.Revision > v.log.reach {
		v.undecided([]int{i}, "the log ends at %d, before the progress to %d", v.log.reach, r.Revision)
		return
	}
	to := v.log.from(r.Revision + 1)
	v.skip(to, i)
	if v.next >= 0 || v.asked.From == 0 {
		v.next = max(v.next, to)
	}
}

func (v *viewer) end(i int, r *history.Record) {
	if r.Reason != Compacted {
		return
	}
	v.tally.checked(i)
	switch {
	case !v.gone(r.Revision, i):
		v.violation([]int{i, v.watcher.opened}, "ended as compacted at %d, which nobody had asked for", r.Revision)
	case max(v.told+1, v.asked.From) > r.Revision:
		v.violation([]int{i, v.watcher.opened}, "ended as compacted at %d, although it had everything up to that", r.Revision)
	}
}
