package check

import "github.com/conclavehq/conclave/test/faults/history"

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
// and that it ends for a reason that there may be. The log itself is held to 1, 2, 5
// and 9, and has no gap in a namespace where only writes of keys take a revision.
// For a watcher that begins "now", 3 holds from the first write that was called when
// it was surely open, or from the first thing that it was told; how many of them were
// told nothing is noted. What is not told to one that is still open at the end may be
// late or lost: undecided. One that its user ended may not have been told the last of
// what it watches; the workload has those that are open in the end come to the head.
func checkWatches(b *book, t *tally) {
	mute := 0
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
			if v.asked.From == 0 && v.told == 0 {
				mute++
			}
		}
	}
	if mute > 0 {
		t.note(history.Watches, "%d watches that began at once were told nothing, so that nothing of them was judged", mute)
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
	next    int   // the first entry of the log that has to be told; -1: not known
	begun   bool  // something was told, or asked for: next is where it goes on
	ended   bool
}

func (v *viewer) check() {
	if v.begun = v.asked.From > 0; v.begun {
		v.next = v.log.from(v.asked.From)
	} else {
		v.next = v.book.calledAfter(v.watcher.space, v.asked.Return)
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
