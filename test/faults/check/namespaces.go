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
	created, dropped := make(map[string]int), make(map[string]int)
	perhaps := make(map[string]int) // the first that may have dropped it
	for i := range b.records {
		r := &b.records[i]
		switch {
		case r.Kind == history.Created && r.Outcome == history.OK:
			t.checked(i)
			if other, ok := created[r.Key]; ok {
				t.violation([]int{i, other}, "%q was created twice", r.Key)
			}
			created[r.Key] = i
		case r.Kind == history.Dropped && r.Outcome != history.Refused:
			t.checked(i)
			if first, ok := perhaps[r.Key]; !ok || b.records[first].Call > r.Call {
				perhaps[r.Key] = i
			}
			if r.Outcome == history.OK {
				dropped[r.Key] = i
			}
		}
	}
	for i := range b.records {
		r := &b.records[i]
		if r.Kind != history.NamespaceGone {
			continue
		}
		t.checked(i)
		c, there := created[r.Namespace]
		d, may := perhaps[r.Namespace]
		if there && b.records[c].Return < r.Call && (!may || b.records[d].Call > r.Return) {
			t.violation([]int{i, c}, "%q was said to be gone before anybody dropped it", r.Namespace)
		}
	}
	for _, s := range b.spaces {
		if _, ok := created[s.name]; ok || s.dropped {
			b.inside(t, s, dropped)
		}
	}
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
