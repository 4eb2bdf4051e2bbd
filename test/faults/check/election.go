package check

import (
	"cmp"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkElections proves that each term has one leader, which is who won it or what
// it proclaimed; that an observer's terms and revisions never go back, and an ended
// term does not come again; that a question is answered with the term that was
// current at its revision, and with none that is older than one won before it was
// asked. That terms grow and do not overlap is proved with the tokens. When a term
// ended by itself is not known, so "nobody leads" is only wrong where the leader
// later resigned in order. Terms of etcd's elections are revisions of the candidacy,
// not of the win, so for them a revision says nothing about who led at it.
func checkElections(b *book, t *tally) {
	all := make(map[name]*election)
	var order []*election
	for i := range b.records {
		r := &b.records[i]
		switch r.Kind {
		case history.Elected, history.Resigned, history.Proclaimed, history.LeaderSeen:
		default:
			continue
		}
		n := name{history.Elected, r.Namespace, r.Key}
		if all[n] == nil {
			all[n] = &election{terms: make(map[int64]*leader)}
			order = append(order, all[n])
		}
		all[n].add(b, t, i, r)
	}
	for _, e := range order {
		e.check(b, t)
	}
}

// election is what was seen of one.
type election struct {
	terms  map[int64]*leader
	won    []int64 // terms, sorted
	unsure []int   // campaigns and proclamations of unknown outcome
	seen   []int
}

// leader is who has a term.
type leader struct {
	elected    int
	proclaimed []int // by revision
	resigned   int   // in order; -1: not
}

func (e *election) add(b *book, t *tally, i int, r *history.Record) {
	if r.Outcome != history.OK {
		if r.Outcome == history.Unknown && r.Kind != history.Resigned {
			e.unsure = append(e.unsure, i)
		}
		return
	}
	t.checked(i)
	term := e.terms[r.Token]
	switch {
	case r.Kind == history.LeaderSeen:
		e.seen = append(e.seen, i)
	case r.Kind == history.Elected && term != nil && term.elected >= 0:
		t.violation([]int{i, term.elected}, "the term %d was won twice", r.Token)
	case r.Kind == history.Elected:
		e.terms[r.Token] = &leader{elected: i, resigned: -1}
		e.won = append(e.won, r.Token)
	case term == nil:
		t.violation([]int{i}, "the term %d was never won", r.Token)
	case r.Kind == history.Proclaimed:
		term.proclaimed = append(term.proclaimed, i)
	case r.Kind == history.Resigned:
		term.resigned = i
	}
}

func (e *election) check(b *book, t *tally) {
	slices.Sort(e.won)
	for _, term := range e.terms {
		slices.SortFunc(term.proclaimed, func(x, y int) int { return cmp.Compare(b.records[x].Revision, b.records[y].Revision) })
	}
	var calls, known []stamp
	for _, w := range e.won {
		i := e.terms[w].elected
		known = append(known, stamp{at: b.records[i].Return, revision: w, record: i})
	}
	observers := make(map[int32]int)
	for _, i := range e.seen {
		r := &b.records[i]
		if r.Watcher > 0 {
			if last, ok := observers[r.Watcher]; ok {
				e.observed(b, t, i, last)
			}
			observers[r.Watcher] = i
		} else if r.Token > 0 {
			calls = append(calls, stamp{at: r.Call, revision: r.Token, record: i})
			known = append(known, stamp{at: r.Return, revision: r.Token, record: i})
		}
		e.current(b, t, i, r)
	}
	follow(calls, known, func(c, newest stamp) {
		t.violation([]int{c.record, newest.record}, "the term %d was told after %d had been known", c.revision, newest.revision)
	})
	e.nobody(b, t)
}

// observed compares what an observer was told with what it was told before.
func (e *election) observed(b *book, t *tally, i, last int) {
	now, before := &b.records[i], &b.records[last]
	// Of etcd's elections the revision is that of the key that the leader proclaimed
	// by, which it may have written when it began to wait.
	if now.Via == history.SDK && now.Revision < before.Revision || now.Token > 0 && now.Token < before.Token {
		t.violation([]int{i, last}, "an observer went back from term %d at %d to %d at %d", before.Token, before.Revision, now.Token, now.Revision)
	}
}

// current compares an answer with what was at its revision.
func (e *election) current(b *book, t *tally, i int, r *history.Record) {
	next, _ := slices.BinarySearch(e.won, r.Token+1)
	if next < len(e.won) && e.won[next] <= r.Revision && r.Token > 0 && r.Via == history.SDK {
		t.violation([]int{i, e.terms[e.won[next]].elected}, "the term %d was told at %d, where %d had been won", r.Token, r.Revision, e.won[next])
	}
	if r.Token == 0 {
		return
	}
	if r.Revision > 0 && r.Revision < r.Token {
		t.violation([]int{i}, "the term %d was told at %d, before it was won", r.Token, r.Revision)
	}
	term := e.terms[r.Token]
	if e.mayLead(b, r, term) {
		return
	}
	if term == nil {
		t.violation([]int{i}, "%q leads in the term %d, which nobody asked for", r.Value, r.Token)
		return
	}
	want := term.elected
	for _, p := range term.proclaimed {
		if b.records[p].Revision <= r.Revision {
			want = p
		}
	}
	if b.records[want].Value != r.Value {
		t.violation([]int{i, want}, "%q was told to lead in the term %d at %d, but it is %q", r.Value, r.Token, r.Revision, b.records[want].Value)
	}
}

// mayLead tells whether a campaign or a proclamation of unknown outcome, called
// before the answer, explains who leads in a term. A proclamation names the term that
// it is for. Who won is known of a term that somebody was told to have won, but for
// etcd's elections, where a candidate that stands again takes its place up again.
func (e *election) mayLead(b *book, seen *history.Record, term *leader) bool {
	return slices.ContainsFunc(e.unsure, func(i int) bool {
		u := &b.records[i]
		switch {
		case u.Value != seen.Value || u.Call > seen.Return:
			return false
		case u.Kind == history.Proclaimed:
			return u.Token == seen.Token
		}
		return term == nil || u.Via == history.Etcd
	})
}

// nobody looks for answers that nobody leads while somebody did.
func (e *election) nobody(b *book, t *tally) {
	for _, i := range e.seen {
		r := &b.records[i]
		if r.Token != 0 || r.Watcher > 0 {
			continue
		}
		// The last term that was won before the question.
		for n := len(e.won) - 1; n >= 0; n-- {
			term := e.terms[e.won[n]]
			if b.records[term.elected].Return >= r.Call {
				continue
			}
			if term.resigned >= 0 && b.records[term.resigned].Call > r.Return {
				t.violation([]int{i, term.elected}, "nobody was told to lead, while the term %d lasted", e.won[n])
			}
			break
		}
	}
}
