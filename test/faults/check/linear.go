package check

import (
	"cmp"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkLinear proves strict serializability of everything that has a revision, by the
// order that the service itself claims: the log of a namespace (its Truth watcher)
// is replayed, and
//
//   - each acknowledged write is in it at its revision, with its effects and no
//     others; one whose outcome is unknown is in it at most once, and whole; a
//     refused one is not in it;
//   - every change in it was asked for by somebody, or is the end of a lease that
//     the key had;
//   - every answer (comparisons, ranges, revisions, versions, leases) is what the
//     state at its revision gives, also for reads of the past and local reads,
//     which are not older than was asked for;
//   - revisions follow real time: whoever called after another returned has a
//     revision that is not lower, and a higher one if it wrote.
//
// It does not prove that the log is what every replica has (see hashes) or what
// every watcher was told (see watch), and trusts the service's revisions: the
// second opinion without them is registers. Where a log ended because its namespace
// was dropped, what came after its end is noted: nobody can ask for it any more. A
// delete whose outcome is unknown bears no mark, so which of several equal ones
// happened is guessed.
func checkLinear(b *book, t *tally) {
	for _, s := range b.spaces {
		switch {
		case len(s.txns)+len(s.unsure) == 0:
			continue
		case s.truth == nil:
			for _, i := range s.txns {
				t.undecided([]int{i}, "nobody kept the log of namespace %q", s.name)
			}
			continue
		}
		l := &linear{book: b, tally: t, space: s, log: b.chronicle(s), over: b.endedByDrop(s)}
		l.claim()
		l.attribute()
		l.replay()
		l.realTime()
		if l.unlogged > 0 {
			t.note(history.Namespaces, "%q was dropped: %d operations are after the end of its log", s.name, l.unlogged)
		}
	}
}

// beyond is what the log does not reach.
func (l *linear) beyond(i int, revision int64) {
	if l.over {
		l.unlogged++
		return
	}
	l.undecided([]int{i}, "the log ends at %d, before this operation at %d", l.log.reach, revision)
}

type linear struct {
	*book
	*tally
	space    *space
	log      *chronicle
	over     bool         // the log ended because the namespace was dropped
	unlogged int          // operations after the end of such a log
	spent    map[int]bool // unsure deletes that were taken as the cause of an entry
}

// claim finds the entry of each acknowledged write.
func (l *linear) claim() {
	for _, i := range l.space.txns {
		r := &l.book.records[i]
		if r.At > 0 || !wrote(r) {
			continue
		}
		at := l.log.at(r.Revision)
		switch {
		case at < 0 && r.Revision > l.log.reach:
			l.beyond(i, r.Revision)
		case at < 0:
			l.violation([]int{i}, "the acknowledged write at %d is lost: the log has nothing there", r.Revision)
		case l.log.entries[at].writer >= 0:
			l.violation([]int{i, l.log.entries[at].writer}, "two acknowledged writes at revision %d", r.Revision)
		default:
			l.log.entries[at].writer = i
		}
	}
}

// replay compares every answer with the state at its revision.
func (l *linear) replay() {
	reads := make([]int, 0, len(l.space.txns))
	for _, i := range l.space.txns {
		switch r := &l.book.records[i]; {
		case r.At > 0 || !wrote(r):
			reads = append(reads, i)
		case r.Revision <= l.log.reach:
			l.checked(i)
		}
	}
	slices.SortFunc(reads, func(a, b int) int { return cmp.Compare(l.moment(a), l.moment(b)) })
	state := newStore()
	l.spent = make(map[int]bool)
	for e := range l.log.entries {
		next := &l.log.entries[e]
		for len(reads) > 0 && l.moment(reads[0]) < next.revision {
			l.read(state, reads[0])
			reads = reads[1:]
		}
		l.entry(state, next)
	}
	for _, i := range reads {
		l.read(state, i)
	}
}

// moment is the revision whose state answers a read.
func (l *linear) moment(i int) int64 {
	r := &l.book.records[i]
	if r.At > 0 {
		return r.At
	}
	return r.Revision
}

func (l *linear) read(state *store, i int) {
	r := &l.book.records[i]
	switch at := l.moment(i); {
	case at == 0:
		l.undecided([]int{i}, "an answer without a revision")
		return
	case at > l.log.reach:
		l.beyond(i, at)
		return
	case r.Serializable && r.Revision < r.Since:
		l.violation([]int{i}, "a local read at %d is older than %d, as it was asked for", r.Revision, r.Since)
	}
	l.checked(i)
	for _, wrong := range answered(state, r, l.moment(i)).wrong {
		l.violation([]int{i}, "read at %d: %s", l.moment(i), wrong)
	}
}

// entry judges what the log says of one revision, and makes it so.
func (l *linear) entry(state *store, e *entry) {
	if e.writer >= 0 {
		r := &l.book.records[e.writer]
		var events []history.Event
		if r.Outcome == history.OK {
			a := answered(state, r, e.revision)
			for _, wrong := range a.wrong {
				l.violation([]int{e.writer, e.record}, "write at %d: %s", e.revision, wrong)
			}
			events = a.events
		} else {
			l.checked(e.writer)
			events = effect(state, r, e.revision)
		}
		if !sameEvents(events, e.events) {
			l.violation([]int{e.writer, e.record}, "revision %d has not the effects of its write", e.revision)
		}
		if told := &l.book.records[e.record]; told.Return < r.Call {
			l.violation([]int{e.writer, e.record}, "revision %d was told before its write was called", e.revision)
		}
	} else if !hasPut(e.events) { // one with puts was reported when no writer was found
		l.unsigned(state, e)
	}
	for i := range e.events {
		l.consistent(state, e, &e.events[i])
		state.apply(e.events[i])
	}
}

// consistent checks that an event's own figures follow from the log before it.
func (l *linear) consistent(state *store, e *entry, event *history.Event) {
	old, found := state.keys.Get(event.KV.Key)
	if event.Delete {
		if !found {
			l.violation([]int{e.record}, "revision %d deletes %q, which was not there", e.revision, event.KV.Key)
		}
		return
	}
	want := history.KV{Key: event.KV.Key, Value: event.KV.Value, Lease: event.KV.Lease,
		Created: e.revision, Modified: e.revision, Version: 1}
	if found {
		want.Created, want.Version = old.Created, old.Version+1
	}
	if event.KV != want {
		l.violation([]int{e.record}, "revision %d puts %+v, which after what was before is %+v", e.revision, event.KV, want)
	}
}
