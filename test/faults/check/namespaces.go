package check

import (
	"github.com/conclavehq/conclave/test/faults/history"
)

// checkNamespaces proves that what is read in a namespace was written in it, since
// it was created (a name that is created again counts as another namespace, see
// package history); that nothing in it is answered after it was dropped; and that
// nobody is told that it is gone while it is surely there. That what is read is
// also right is for linear to say. Whether dropped data leave the disk is not
// looked at.
func checkNamespaces(b *book, t *tally) {
	l := b.lives()
	for i := range b.records {
		r := &b.records[i]
		switch {
		case r.Kind == history.Created && r.Outcome == history.OK:
			t.checked(i)
			if first := l.created[r.Key]; first != i {
				t.violation([]int{i, first}, "%q was created twice", r.Key)
			}
		case r.Kind == history.Dropped && r.Outcome == history.OK:
			t.checked(i)
		case r.Kind == history.NamespaceGone:
			t.checked(i)
			if c, there := l.there(r.Namespace, r); there {
				t.violation([]int{i, c}, "%q was said to be gone before anybody dropped it", r.Namespace)
			}
		}
	}
	for _, s := range b.spaces {
		if _, ok := l.created[s.name]; ok || len(s.drops) > 0 {
			b.inside(t, s, l.dropped)
		}
	}
}

// lives are the times of the namespaces that were created in the run.
type lives struct {
	*book
	created map[string]int // the first that was acknowledged
	dropped map[string]int // acknowledged
	perhaps map[string]int // the first that may have dropped it
}

func (b *book) lives() *lives {
	l := &lives{book: b, created: make(map[string]int), dropped: make(map[string]int), perhaps: make(map[string]int)}
	for i := range b.records {
		r := &b.records[i]
		switch {
		case r.Kind == history.Created && r.Outcome == history.OK:
			if _, ok := l.created[r.Key]; !ok {
				l.created[r.Key] = i
			}
		case r.Kind == history.Dropped && r.Outcome != history.Refused:
			if first, ok := l.perhaps[r.Key]; !ok || b.records[first].Call > r.Call {
				l.perhaps[r.Key] = i
			}
			if r.Outcome == history.OK {
				l.dropped[r.Key] = i
			}
		}
	}
	return l
}

// there tells whether a namespace was surely there while a call was made, and which
// record created it.
func (l *lives) there(space string, r *history.Record) (created int, there bool) {
	created, known := l.created[space]
	end, may := l.perhaps[space]
	return created, known && l.records[created].Return < r.Call && (!may || l.records[end].Call > r.Return)
}

// inside judges what was answered in a namespace that was created in the run.
func (b *book) inside(t *tally, s *space, dropped map[string]int) {
	written := make(map[string]int)
	for _, list := range [][]int{s.txns, s.unsure} {
		for _, i := range list {
			branch, other := body(&b.records[i])
			for _, ops := range [][]history.Op{branch, other} {
				for o := range ops {
					if ops[o].Type == history.Put {
						written[ops[o].Value] = i
					}
				}
			}
		}
	}
	for _, i := range s.txns {
		r := &b.records[i]
		t.checked(i)
		if d, ok := dropped[s.name]; ok && b.records[d].Return < r.Call {
			t.violation([]int{i, d}, "something was answered in %q after it had been dropped", s.name)
		}
		branch, _ := body(r)
		for o := range branch {
			for _, kv := range branch[o].Found {
				if _, ok := written[kv.Value]; !ok {
					t.violation([]int{i}, "%q has the value %.40q in %q, which nobody wrote there", kv.Key, kv.Value, s.name)
				}
			}
		}
	}
}
