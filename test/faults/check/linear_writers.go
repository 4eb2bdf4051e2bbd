package check

import (
	"strings"

	"github.com/conclavehq/conclave/test/faults/history"
)

func hasPut(events []history.Event) bool {
	for i := range events {
		if !events[i].Delete {
			return true
		}
	}
	return false
}

// line begins the names of etcd's locks and elections. What their packages do to
// keys under a lease is not in the history, only that it was acquired or won.
const line = "line/"

func inLine(kv history.KV) bool { return strings.HasPrefix(kv.Key, line) && kv.Lease != 0 }

// attribute finds who wrote what no acknowledged write claims, by the values,
// which are unique. Only the values of such entries are kept in memory.
func (l *linear) attribute() {
	orphans := make(map[string]int)
	for e := range l.log.entries {
		if l.log.entries[e].writer >= 0 {
			continue
		}
		for i := range l.log.entries[e].events {
			if event := &l.log.entries[e].events[i]; !event.Delete && !inLine(event.KV) {
				orphans[event.KV.Value] = e
			}
		}
	}
	if len(orphans) == 0 {
		return
	}
	blamed := make(map[int]bool)
	blame := func(e, i int, format string) {
		blamed[e] = true
		l.violation([]int{i, l.log.entries[e].record}, format, l.log.entries[e].revision)
	}
	for _, i := range l.space.refused {
		for _, e := range l.entriesOf(orphans, i) {
			blame(e, i, "a refused write is in the log at %d")
		}
	}
	for _, i := range l.space.txns {
		for _, e := range l.entriesOf(orphans, i) {
			blame(e, i, "a write that was answered with another revision or outcome is in the log at %d")
		}
	}
	for _, i := range l.space.unsure {
		entries := l.entriesOf(orphans, i)
		for n, e := range entries {
			switch {
			case n > 0:
				blame(e, i, "a write of unknown outcome happened more than once, again at %d")
			case l.log.entries[e].writer >= 0:
				blame(e, i, "two writes are mixed in the log at %d")
			default:
				l.log.entries[e].writer = i
			}
		}
	}
	for e := range l.log.entries {
		if entry := &l.log.entries[e]; entry.writer < 0 && !blamed[e] && hasPut(entry.events) && !inLine(entry.events[0].KV) {
			l.violation([]int{entry.record}, "nobody wrote what is in the log at %d", entry.revision)
		}
	}
}

// entriesOf are the entries, each once and in order of operations, that have a
// value which a record's transaction puts in one of its branches.
func (l *linear) entriesOf(orphans map[string]int, i int) []int {
	var entries []int
	add := func(value string) {
		e, ok := orphans[value]
		if !ok {
			return
		}
		for _, known := range entries {
			if known == e {
				return
			}
		}
		entries = append(entries, e)
	}
	branch, other := body(&l.book.records[i])
	for _, ops := range [][]history.Op{branch, other} {
		for o := range ops {
			if ops[o].Type == history.Put {
				add(ops[o].Value)
			}
		}
	}
	return entries
}

// unsigned judges an entry that only deletes and that no acknowledged write
// claims: it is one of those whose outcome is unknown, or the end of a lease.
func (l *linear) unsigned(state *store, e *entry) {
	if kv, _ := state.keys.Get(e.events[0].KV.Key); inLine(kv) || l.leaseEnded(state, e) {
		return
	}
	told := l.book.records[e.record].Return
	var taken int
	for _, i := range l.space.unsure {
		r := &l.book.records[i]
		if r.Call > told || !deletes(r) || !sameEvents(effect(state, r, e.revision), e.events) {
			continue
		}
		if l.spent[i] {
			taken = i + 1
			continue
		}
		l.spent[i] = true
		e.writer = i
		l.checked(i)
		return
	}
	if taken > 0 {
		l.undecided([]int{taken - 1, e.record}, "the delete at %d can only be one of unknown outcome that was taken for an earlier one", e.revision)
		return
	}
	l.violation([]int{e.record}, "nobody deleted what the log says was deleted at %d", e.revision)
}

func deletes(r *history.Record) bool {
	for _, ops := range [][]history.Op{r.Then, r.Else} {
		for o := range ops {
			if ops[o].Type == history.Delete {
				return true
			}
		}
	}
	return false
}

// chunk is how many keys a lease may have whose end need not be one revision.
const chunk = 1000

// leaseEnded tells whether an entry is the end of a lease: all that it deletes had
// the same one, and unless there are very many, nothing that had it is left.
func (l *linear) leaseEnded(state *store, e *entry) bool {
	var lease int64
	for i := range e.events {
		kv, found := state.keys.Get(e.events[i].KV.Key)
		if !found || kv.Lease == 0 || lease != 0 && kv.Lease != lease {
			return false
		}
		lease = kv.Lease
	}
	return len(state.held[lease]) == len(e.events) || len(state.held[lease]) > chunk
}
