package store

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/conclavehq/conclave/internal/keys"
)

// Scan calls visit for the records of one table in [from, to), in key order,
// until it returns false. Keys and values stay valid and must not be changed.
// visit must not change records in the range.
func (b *Batch) Scan(from, to []byte, visit func(key, value []byte) bool) {
	if keys.Where(keys.TableOf(from)) == keys.Cold {
		b.walkCold(from, to, keeping(visit), visit)
		return
	}
	b.walkHot(from, to, visit)
}

// Walk is Scan without copies: keys and values are only valid until visit
// returns.
func (b *Batch) Walk(from, to []byte, visit func(key, value []byte) bool) {
	if keys.Where(keys.TableOf(from)) == keys.Cold {
		b.walkCold(from, to, visit, visit)
		return
	}
	b.walkHot(from, to, visit)
}

// keeping wraps visit so that it gets copies of what it is called with.
func keeping(visit func(key, value []byte) bool) func(key, value []byte) bool {
	return func(key, value []byte) bool {
		both := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
		return visit(both[:len(key):len(key)], both[len(key):])
	}
}

// walkHot walks the map. When visit changed anything, it finds its place
// again, because the map does not allow changes under a walk.
func (b *Batch) walkHot(from, to []byte, visit func(key, value []byte) bool) {
	start, end := view(from), view(to)
	for again := true; again; {
		again = false
		seen := b.changes
		b.db.hot.Ascend(start, func(key string, record *hotRecord) bool {
			if to != nil && key >= end || !visit(bytesOf(key), record.value) {
				return false
			}
			if b.changes != seen {
				start, again = key+"\x00", true
			}
			return !again
		})
	}
}

// walkCold merges the pending changes with what Pebble has. It calls old for
// records of Pebble, which are lent, and fresh for pending ones.
func (b *Batch) walkCold(from, to []byte, old, fresh func(key, value []byte) bool) {
	iter, err := b.db.pebble.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		b.fail(err)
		return
	}
	defer func() { b.fail(iter.Close()) }()
	pending := b.lane(keys.TableOf(from))
	next := pending.first(view(from), to)
	for valid := iter.First(); valid || next.found; {
		if next.found && (!valid || next.key <= view(iter.Key())) {
			if valid && next.key == view(iter.Key()) {
				valid = iter.Next()
			}
			if next.value != nil && !fresh(bytesOf(next.key), next.value) {
				return
			}
			next = pending.first(next.key+"\x00", to)
			continue
		}
		if !b.rangeDeleted(view(iter.Key())) {
			value, err := iter.ValueAndErr()
			if err != nil {
				b.fail(err)
				return
			}
			seen := b.changes
			if !old(iter.Key(), value) {
				return
			}
			if b.changes != seen {
				next = pending.first(string(iter.Key())+"\x00", to)
			}
		}
		valid = iter.Next()
	}
}
