package feed

import (
	"cmp"
	"slices"
	"strings"
)

// ranges finds the topics whose range contains a key, without looking at all of
// them: thousands of clients may each watch a prefix of their own.
//
// The topics are sorted by the start of their range, and the slice is read as a
// balanced tree: the middle is the root, what is before and after it are the
// subtrees. For each subtree it is known how far its ranges reach.
type ranges struct {
	sorted []*topic
	// reach is that of the subtree with the root at the same place. It is stale
	// after a change until the next search.
	reach []rangeEnd
	stale bool
}

// rangeEnd is the end of a range, or none if it is open.
type rangeEnd struct {
	key  string
	open bool
}

func endOf(f Filter) rangeEnd { return rangeEnd{key: f.end, open: f.end == "\x00"} }

func (e rangeEnd) before(other rangeEnd) bool {
	return !e.open && (other.open || e.key < other.key)
}

func compareRanges(a, b *topic) int {
	return cmp.Or(strings.Compare(a.filter.name, b.filter.name), strings.Compare(a.filter.end, b.filter.end))
}

func (r *ranges) add(t *topic) {
	at, _ := slices.BinarySearchFunc(r.sorted, t, compareRanges)
	r.sorted, r.stale = slices.Insert(r.sorted, at, t), true
}

func (r *ranges) remove(t *topic) {
	at, found := slices.BinarySearchFunc(r.sorted, t, compareRanges)
	if found { // filters are unique
		r.sorted, r.stale = slices.Delete(r.sorted, at, at+1), true
	}
}

// containing calls visit for the topics whose range has a key.
func (r *ranges) containing(key []byte, visit func(*topic)) {
	if r.stale {
		r.reach = slices.Grow(r.reach[:0], len(r.sorted))[:len(r.sorted)]
		r.measure(0, len(r.sorted))
		r.stale = false
	}
	r.search(key, 0, len(r.sorted), visit)
}

// measure finds how far a subtree reaches.
func (r *ranges) measure(from, to int) rangeEnd {
	if from == to {
		return rangeEnd{}
	}
	root := (from + to) / 2
	far := endOf(r.sorted[root].filter)
	for _, below := range []rangeEnd{r.measure(from, root), r.measure(root+1, to)} {
		if far.before(below) {
			far = below
		}
	}
	r.reach[root] = far
	return far
}

func (r *ranges) search(key []byte, from, to int, visit func(*topic)) {
	for from < to {
		root := (from + to) / 2
		if far := r.reach[root]; !far.open && string(key) >= far.key {
			return
		}
		r.search(key, from, root, visit)
		t := r.sorted[root]
		if string(key) < t.filter.name {
			return // as is everything after it
		}
		if t.filter.contains(key) {
			visit(t)
		}
		from = root + 1
	}
}
