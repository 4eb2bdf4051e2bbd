package check

import (
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// book is a history with the indexes that several checkers need. Everything in it
// is an index into records, so that it stays small beside them.
type book struct {
	records []history.Record
	opt     Options

	last     time.Duration // when the history ends
	spaces   []*space      // by first appearance
	watchers []*watcher
}

// space is what happened in one namespace.
type space struct {
	name     string
	txns     []int // Txn, GuardedWrite, Incremented, CounterRead
	unsure   []int // of these, those with the outcome Unknown
	refused  []int
	truth    []*watcher // the log, each time that it was opened; none: nobody kept it
	drops    []int      // that were acknowledged, or may have happened
	compacts []int      // requests
	log      *chronicle // of truth, see book.chronicle
	takesKVs bool       // only keys take revisions here: the log has no gaps
}

// watcher is one stream of events with everything that it was told until it ended
// or was opened again.
type watcher struct {
	opened  int      // index of WatchOpened
	before  *watcher // the same one, when it was opened before
	space   *space
	records []int // WatchEvent, WatchProgress and WatchEnded, in order
}

func open(records []history.Record, opt Options) *book {
	b := &book{records: records, opt: opt}
	spaces := make(map[string]*space)
	at := func(name string) *space {
		s := spaces[name]
		if s == nil {
			s = &space{name: name, takesKVs: true}
			spaces[name] = s
			b.spaces = append(b.spaces, s)
		}
		return s
	}
	watchers := make(map[int32]*watcher)
	for i := range records {
		r := &records[i]
		b.last = max(b.last, r.Return)
		switch r.Kind {
		case history.Created:
		case history.Dropped:
			if s := at(r.Key); r.Outcome != history.Refused {
				s.drops = append(s.drops, i)
			}
		case history.FaultBegun, history.FaultEnded, history.ReplicaHash, history.LeaderGone, history.Healthy, history.Complaint:
		default:
			s := at(r.Namespace)
			s.add(i, r)
			b.watch(watchers, s, i, r)
		}
	}
	return b
}

func (s *space) add(i int, r *history.Record) {
	switch r.Kind {
	case history.Txn, history.GuardedWrite, history.Incremented, history.CounterRead:
		switch r.Outcome {
		case history.OK:
			s.txns = append(s.txns, i)
		case history.Unknown:
			s.unsure = append(s.unsure, i)
		default:
			s.refused = append(s.refused, i)
		}
		s.takesKVs = s.takesKVs && r.Kind != history.GuardedWrite && !leased(r)
	case history.LeaseRevoked:
		s.takesKVs = false
	case history.Compacted:
		s.compacts = append(s.compacts, i)
	case history.List, history.WatchOpened, history.WatchEvent, history.WatchProgress, history.WatchEnded:
	default:
		s.takesKVs = false
	}
}

// endedByDrop tells whether the log of a namespace ended because that was dropped:
// then nobody can ask for what came after the end of the log.
func (b *book) endedByDrop(s *space) bool {
	if len(s.truth) == 0 {
		return false
	}
	last := s.truth[len(s.truth)-1].records
	if len(last) == 0 {
		return false
	}
	end := &b.records[last[len(last)-1]]
	return end.Kind == history.WatchEnded && end.Reason == NamespaceNotFound && b.mayBeDropped(s, end.Return)
}

// mayBeDropped tells whether somebody had asked for the end of a namespace by then.
func (b *book) mayBeDropped(s *space, moment time.Duration) bool {
	return slices.ContainsFunc(s.drops, func(d int) bool { return b.records[d].Call <= moment })
}

func leased(r *history.Record) bool {
	for _, branch := range [][]history.Op{r.Then, r.Else} {
		for i := range branch {
			if branch[i].Lease != 0 {
				return true
			}
		}
	}
	return false
}

// watch files a record of a stream of events. Observers of elections and services
// have a Watcher number as well, but are none of these.
func (b *book) watch(watchers map[int32]*watcher, s *space, i int, r *history.Record) {
	switch r.Kind {
	case history.WatchOpened:
		w := &watcher{opened: i, before: watchers[r.Watcher], space: s}
		watchers[r.Watcher] = w
		b.watchers = append(b.watchers, w)
		if r.Truth && (s.truth == nil || b.records[s.truth[0].opened].Watcher == r.Watcher) {
			s.truth = append(s.truth, w)
		}
	case history.WatchEvent, history.WatchProgress, history.WatchEnded:
		w := watchers[r.Watcher]
		if w == nil { // told before it was opened, as far as the history knows
			w = &watcher{opened: -1, space: s}
			watchers[r.Watcher] = w
			b.watchers = append(b.watchers, w)
		}
		w.records = append(w.records, i)
	}
}
