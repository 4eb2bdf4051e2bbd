package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkCycles proves of transactions over append-only lists, without revisions,
// that there is one order that explains all reads and agrees with real time: the
// longest read of a list gives the order of its elements; from it follow what each
// transaction must come after (ww: its append is next; wr: it read that append; rw:
// it did not see that append; and real time), and there is no cycle. By the kinds of
// edges that close a cycle it is G0, G1c, G-single or G2, and "real-time" when it
// needs the clock. Also: no read of what a refused transaction appended (G1a), of the
// middle of a transaction (G1b), of what nobody appended, of an element twice, of
// two orders, or without one's own append.
//
// An append that no read shows is known to be after all that was read only if it was
// acknowledged. Transactions of unknown outcome are taken in when somebody saw them.
func checkCycles(b *book, t *tally) {
	spaces := make(map[string]*weave)
	var order []*weave
	for i := range b.records {
		r := &b.records[i]
		if r.Kind != history.List {
			continue
		}
		w := spaces[r.Namespace]
		if w == nil {
			w = &weave{book: b, tally: t, lists: make(map[string]*list), node: make(map[int]int)}
			spaces[r.Namespace] = w
			order = append(order, w)
		}
		if r.Outcome == history.OK {
			t.checked(i)
		}
		w.add(i, r)
	}
	for _, w := range order {
		w.connect()
		w.cycles()
	}
}

// weave is the transactions over the lists of a namespace.
type weave struct {
	*book
	*tally
	lists map[string]*list
	txns  []int
	node  map[int]int // record → node
	graph *graph
}

// list is what was appended to one and read of it.
type list struct {
	writer  map[int64]int // element → record
	final   map[int]int64 // record → its last append
	appends []int64       // in order of records
	reads   []glimpse
}

// glimpse is what a record saw of a list before its own appends.
type glimpse struct {
	record int
	seen   []int64
}

func (w *weave) list(key string) *list {
	if w.lists[key] == nil {
		w.lists[key] = &list{writer: make(map[int64]int), final: make(map[int]int64)}
	}
	return w.lists[key]
}

func (w *weave) add(i int, r *history.Record) {
	w.txns = append(w.txns, i)
	own := make(map[string][]int64)
	for m := range r.Micro {
		step := &r.Micro[m]
		l := w.list(step.Key)
		if step.Append {
			if other, ok := l.writer[step.Element]; ok {
				w.violation([]int{i, other}, "the element %d of %q was appended twice by the clients: the history is unfit", step.Element, step.Key)
			}
			l.writer[step.Element], l.final[i] = i, step.Element
			l.appends = append(l.appends, step.Element)
			own[step.Key] = append(own[step.Key], step.Element)
			continue
		}
		if r.Outcome != history.OK {
			continue
		}
		mine := own[step.Key]
		before := len(step.Read) - len(mine)
		if before < 0 || !slices.Equal(step.Read[before:], mine) {
			w.violation([]int{i}, "a read of %q does not end with what its transaction appended", step.Key)
			continue
		}
		l.reads = append(l.reads, glimpse{i, step.Read[:before]})
	}
}

// connect checks each list and makes the edges between transactions.
func (w *weave) connect() {
	for n, i := range w.txns {
		w.node[i] = n
	}
	w.graph = newGraph(len(w.txns) * 2)
	for key, l := range w.lists {
		longest := l.longest()
		for n, element := range longest {
			writer, ok := l.writer[element]
			switch {
			case !ok:
				w.violation([]int{l.seer(element)}, "%q has the element %d, which nobody appended", key, element)
			case w.book.records[writer].Outcome == history.Refused:
				w.violation([]int{l.seer(element), writer}, "G1a: %q has the element %d of a refused transaction", key, element)
			}
			if slices.Contains(longest[:n], element) {
				w.violation([]int{l.seer(element)}, "%q has the element %d twice", key, element)
			}
			if n > 0 {
				w.edge(l.writer, longest[n-1], element)
			}
		}
		w.reads(key, l, longest)
	}
	w.realTime()
}

func (l *list) longest() []int64 {
	var longest []int64
	for _, r := range l.reads {
		if len(r.seen) > len(longest) {
			longest = r.seen
		}
	}
	return longest
}

// seer is a record that read an element.
func (l *list) seer(element int64) int {
	for _, r := range l.reads {
		if slices.Contains(r.seen, element) {
			return r.record
		}
	}
	return 0
}

// edge says that one append is right after another.
func (w *weave) edge(writer map[int64]int, before, after int64) {
	from, ok := writer[before]
	to, also := writer[after]
	if ok && also && from != to {
		w.graph.add(w.node[from], w.node[to], ww)
	}
}

func (w *weave) reads(key string, l *list, longest []int64) {
	shown := make(map[int64]bool, len(longest))
	for _, element := range longest {
		shown[element] = true
	}
	var hidden []int // acknowledged appends that no read shows
	for _, element := range l.appends {
		if i := l.writer[element]; !shown[element] && w.book.records[i].Outcome == history.OK {
			hidden = append(hidden, i)
		}
	}
	for _, r := range l.reads {
		if !slices.Equal(r.seen, longest[:len(r.seen)]) {
			w.violation([]int{r.record}, "%q was read in two orders", key)
			continue
		}
		me := w.node[r.record]
		if n := len(r.seen); n > 0 {
			last := r.seen[n-1]
			if i, ok := l.writer[last]; ok && i != r.record {
				w.graph.add(w.node[i], me, wr)
				if l.final[i] != last {
					w.violation([]int{r.record, i}, "G1b: %q was read in the middle of a transaction", key)
				}
			}
		}
		if n := len(r.seen); n < len(longest) {
			if i, ok := l.writer[longest[n]]; ok && i != r.record {
				w.graph.add(me, w.node[i], rw)
			}
			continue
		}
		for _, i := range hidden {
			if i != r.record {
				w.graph.add(me, w.node[i], rw)
			}
		}
	}
}

// realTime chains nodes of moments, one for each return: who returned is before the
// moment, and who called later is after it.
func (w *weave) realTime() {
	byReturn := make([]int, 0, len(w.txns))
	for _, i := range w.txns {
		if w.book.records[i].Outcome == history.OK {
			byReturn = append(byReturn, i)
		}
	}
	slices.SortFunc(byReturn, func(x, y int) int { return cmp.Compare(w.book.records[x].Return, w.book.records[y].Return) })
	moment := func(n int) int { return len(w.txns) + n }
	for n, i := range byReturn {
		w.graph.add(w.node[i], moment(n), rt)
		if n > 0 {
			w.graph.add(moment(n-1), moment(n), rt)
		}
	}
	for _, i := range w.txns {
		if w.book.records[i].Outcome == history.Refused {
			continue
		}
		n, _ := slices.BinarySearchFunc(byReturn, w.book.records[i].Call, func(j int, call time.Duration) int { return cmp.Compare(w.book.records[j].Return, call) })
		if n > 0 {
			w.graph.add(moment(n-1), w.node[i], rt)
		}
	}
}

// cycles reports one cycle of each strongly connected component.
func (w *weave) cycles() {
	for _, component := range w.graph.components() {
		cycle, class := w.graph.classify(component)
		var proof []int
		for _, n := range cycle {
			if n < len(w.txns) {
				proof = append(proof, w.txns[n])
			}
		}
		if len(proof) == 0 { // of moments alone there is none
			proof = []int{w.txns[0]}
		}
		w.violation(proof, "%s: a cycle of %d transactions", class, len(proof))
	}
}
