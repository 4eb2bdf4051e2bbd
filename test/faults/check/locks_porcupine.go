package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkLocks proves, by porcupine, that each mutex, election and job of a queue by
// itself can be explained by one order of its calls in which a grant has a higher
// token than all before, nobody is granted what somebody holds who later gave it
// back in order (any other hold may have ended by itself), and only the current
// token gives back, writes under a guard or acknowledges. It is the second opinion
// beside token, election and queue. Locks of etcd's packages have tokens of their
// place in line and are left to token. Calls of unknown outcome are left out: all
// that they could explain is allowed anyway.
//
// A long history is cut within a hold that was surely current: later tokens were
// granted after that moment, earlier ones before.
func checkLocks(b *book, t *tally) {
	locks := make(map[lockName]*lock)
	var order []*lock
	for i := range b.records {
		r := &b.records[i]
		n, ok := lockOf(r)
		if !ok || r.Via == history.Etcd || r.Outcome == history.Unknown {
			continue
		}
		if locks[n] == nil {
			locks[n] = &lock{book: b, tally: t, returned: make(map[int64]bool)}
			order = append(order, locks[n])
		}
		locks[n].add(i, r)
	}
	for _, l := range order {
		l.check()
	}
}

type lockName struct {
	name
	job uint64
}

// The calls of the model.
const (
	grant   = iota + 1
	back    // gave back, or acknowledged: over
	current // succeeded only for who holds
	refused // only for who does not
)

func lockOf(r *history.Record) (lockName, bool) {
	switch r.Kind {
	case history.Acquired, history.Released, history.GuardedWrite:
		return lockName{name: name{history.Acquired, r.Namespace, r.Key}}, true
	case history.Elected, history.Resigned, history.Proclaimed:
		return lockName{name: name{history.Elected, r.Namespace, r.Key}}, true
	case history.Claimed, history.Acked, history.Nacked, history.Extended:
		return lockName{name{history.Claimed, r.Namespace, r.Key}, r.Job}, r.Job != 0
	}
	return lockName{}, false
}

// refusals say that a token is not current.
var refusals = map[string]bool{GuardFailed: true, "NOT_HELD": true, "STALE_TOKEN": true, "STALE_RECEIPT": true}

// lockCall is a call of the model.
type lockCall struct {
	kind   int
	token  int64
	record int
}

// lock is one of them.
type lock struct {
	*book
	*tally
	calls    []porcupine.Operation
	returned map[int64]bool // tokens that were given back in order
}

// tenure is the state: who holds, 0 for nobody, and the last token.
type tenure struct{ holder, last int64 }

func (l *lock) add(i int, r *history.Record) {
	c := lockCall{token: r.Token, record: i}
	switch {
	case r.Outcome == history.Refused && !refusals[r.Reason]:
		return
	case r.Outcome == history.Refused && (r.Kind == history.Acquired || r.Kind == history.Elected):
		return
	case r.Outcome == history.Refused:
		c.kind = refused
	case r.Kind == history.Acquired, r.Kind == history.Elected, r.Kind == history.Claimed:
		c.kind = grant
	case r.Kind == history.GuardedWrite, r.Kind == history.Proclaimed, r.Kind == history.Extended:
		c.kind = current
	default:
		c.kind = back
		l.returned[r.Token] = true
	}
	l.calls = append(l.calls, porcupine.Operation{Input: c, Call: int64(r.Call), Return: int64(r.Return)})
}

func (l *lock) step(s tenure, c lockCall) (bool, tenure) {
	switch c.kind {
	case grant:
		return c.token > s.last && (s.holder == 0 || !l.returned[s.holder]), tenure{c.token, c.token}
	case back:
		return s.holder == c.token, tenure{0, s.last}
	case current:
		return s.holder == c.token, s
	}
	return s.holder != c.token || !l.returned[c.token], s
}

// check cuts the history and asks porcupine for each window.
func (l *lock) check() {
	granted := make(map[int64]bool)
	for n := range l.calls {
		if c := l.calls[n].Input.(lockCall); c.kind == grant {
			granted[c.token] = true
		}
	}
	// A token whose grant nobody was told may be current at any time.
	l.calls = slices.DeleteFunc(l.calls, func(op porcupine.Operation) bool { return !granted[op.Input.(lockCall).token] })
	slices.SortFunc(l.calls, func(x, y porcupine.Operation) int { return cmp.Compare(x.Call, y.Call) })
	var start tenure
	window := make([]porcupine.Operation, 0, 2*enough)
	rest := l.calls
	for len(rest) > 0 {
		window = append(window, rest[0])
		rest = rest[1:]
		if len(window) < enough || len(window)%16 != 0 {
			continue
		}
		if at, ok := l.cut(window, rest); ok {
			var later []porcupine.Operation
			window, later = split(window, at)
			l.ask(start, window)
			start = tenure{at.token, at.token}
			window = later
		}
	}
	l.ask(start, window)
}

// moment is a point within a hold.
type moment struct {
	time  int64
	token int64
}

// cut finds a moment right after the newest grant of a window that all of the rest
// comes after, within a hold that was given back after it.
func (l *lock) cut(window, rest []porcupine.Operation) (moment, bool) {
	newest := -1
	for n := range window {
		if c := window[n].Input.(lockCall); c.kind == grant && l.returned[c.token] &&
			(newest < 0 || c.token > window[newest].Input.(lockCall).token) {
			newest = n
		}
	}
	if newest < 0 {
		return moment{}, false
	}
	m := moment{window[newest].Return, window[newest].Input.(lockCall).token}
	if len(rest) > 0 && rest[0].Call <= m.time {
		return moment{}, false
	}
	for n := range window {
		c := window[n].Input.(lockCall)
		crosses := window[n].Call <= m.time && window[n].Return > m.time
		if crosses && c.kind != grant || c.kind == back && c.token == m.token && window[n].Call <= m.time {
			return moment{}, false
		}
	}
	return m, true
}

// split divides what was before a moment from what was after. A grant that was under
// way belongs where its token says.
func split(window []porcupine.Operation, m moment) (before, after []porcupine.Operation) {
	for _, op := range window {
		c := op.Input.(lockCall)
		switch {
		case op.Return <= m.time && (c.kind != grant || c.token <= m.token):
			before = append(before, op)
		case c.kind == grant && c.token <= m.token:
			op.Return = m.time
			before = append(before, op)
		case op.Return <= m.time: // a higher token that returned before: no order explains it
			before = append(before, op)
		default:
			op.Call = max(op.Call, m.time)
			after = append(after, op)
		}
	}
	return before, after
}

func (l *lock) ask(start tenure, window []porcupine.Operation) {
	if len(window) == 0 {
		return
	}
	verdict := porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return start },
		Step: func(state, input, _ any) (bool, any) { return l.step(state.(tenure), input.(lockCall)) },
		Hash: func(state any) uint64 { return uint64(state.(tenure).last) },
	}, window, l.opt.Timeout)
	first, final := window[0].Input.(lockCall).record, window[len(window)-1].Input.(lockCall).record
	r := &l.book.records[first]
	switch verdict {
	case porcupine.Illegal:
		l.violation([]int{first, final}, "no order of %d calls of %q (job %d) from %v on explains them", len(window), r.Key, r.Job, time.Duration(window[0].Call))
	case porcupine.Unknown:
		l.undecided([]int{first, final}, "%d calls of %q from %v on: not decided in time", len(window), r.Key, time.Duration(window[0].Call))
	default:
		for n := range window {
			l.checked(window[n].Input.(lockCall).record)
		}
	}
}
