package store

import (
	"fmt"

	"github.com/tidwall/btree"

	"github.com/conclavehq/conclave/internal/keys"
)

// coldTables are the cold tables in key order. Each has a lane in a batch.
var coldTables = [...]keys.Table{
	keys.Latest, keys.History, keys.Revisions, keys.Job, keys.JobBody, keys.JobState,
}

// laneOf is the place of a cold table in coldTables.
func laneOf(table keys.Table) int {
	for i, t := range coldTables {
		if t == table {
			return i
		}
	}
	panic(fmt.Sprintf("store: table %x is not cold", table))
}

// lane is the changes that a batch makes to one cold table, in the order in
// which they were made. Most are never read before they are on disk, so what
// finds them is only made when somebody looks: index for the changes up to
// indexed, order for those up to ordered, which is never more.
type lane struct {
	writes  []write
	index   map[string]int32
	indexed int
	order   btree.Map[string, int32]
	ordered int
}

// write is one change; a nil value deletes.
type write struct {
	key   string
	value []byte
	// previous is the place of the change of the same key before, -1 if there
	// is none, and superseded says that there is one after this. Both are known
	// once the writes are in the index.
	previous   int32
	superseded bool
}

func (l *lane) add(key string, value []byte) {
	l.writes = append(l.writes, write{key: key, value: value})
}

// removeLast takes the last change back.
func (l *lane) removeLast() {
	last := len(l.writes) - 1
	w := l.writes[last]
	if l.ordered > last {
		l.ordered = last
		if w.previous >= 0 {
			l.order.Set(w.key, w.previous)
		} else {
			l.order.Delete(w.key)
		}
	}
	if l.indexed > last {
		l.indexed = last
		if w.previous >= 0 {
			l.index[w.key] = w.previous
			l.writes[w.previous].superseded = false
		} else {
			delete(l.index, w.key)
		}
	}
	l.writes[last] = write{}
	l.writes = l.writes[:last]
}

// get returns what a key was changed to, if it was changed.
func (l *lane) get(key string) (value []byte, changed bool) {
	l.makeIndex()
	if i, ok := l.index[key]; ok {
		return l.writes[i].value, true
	}
	return nil, false
}

// coldRecord is a place among the changes of a lane.
type coldRecord struct {
	key   string
	value []byte
	found bool
}

// first finds the first changed key in [from, to).
func (l *lane) first(from string, to []byte) (first coldRecord) {
	l.makeOrder()
	l.order.Ascend(from, func(key string, i int32) bool {
		if to == nil || key < view(to) {
			first = coldRecord{key: key, value: l.writes[i].value, found: true}
		}
		return false
	})
	return first
}

// keysIn lists the changed keys in a range.
func (l *lane) keysIn(r keyRange) (found []string) {
	l.makeOrder()
	l.order.Ascend(r.from, func(key string, _ int32) bool {
		if key >= r.to {
			return false
		}
		found = append(found, key)
		return true
	})
	return found
}

// makeIndex takes the latest changes into the index.
func (l *lane) makeIndex() {
	if l.index == nil && len(l.writes) > 0 {
		l.index = make(map[string]int32)
	}
	for ; l.indexed < len(l.writes); l.indexed++ {
		w := &l.writes[l.indexed]
		w.previous = -1
		if i, ok := l.index[w.key]; ok {
			w.previous = i
			l.writes[i].superseded = true
		}
		l.index[w.key] = int32(l.indexed)
	}
}

// makeOrder takes the latest changes into the order.
func (l *lane) makeOrder() {
	l.makeIndex()
	for ; l.ordered < len(l.writes); l.ordered++ {
		l.order.Set(l.writes[l.ordered].key, int32(l.ordered))
	}
}

// each calls visit with the changes to be written, in the order in which they
// were made: sorting them costs more than it saves in Pebble. Changes that are
// known to be superseded are left out.
func (l *lane) each(visit func(w *write) error) error {
	for i := range l.writes {
		if l.writes[i].superseded {
			continue
		}
		if err := visit(&l.writes[i]); err != nil {
			return err
		}
	}
	return nil
}

// reset forgets everything but the memory for it.
func (l *lane) reset() {
	clear(l.writes)
	clear(l.index)
	l.order.Clear()
	if cap(l.writes) > keptChanges {
		l.writes, l.index = nil, nil
	}
	l.writes, l.indexed, l.ordered = l.writes[:0], 0, 0
}
