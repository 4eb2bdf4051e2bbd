package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
	"github.com/tidwall/btree"

	"github.com/conclavehq/conclave/internal/keys"
)

// Batch is the changes of one Raft update on their way into the store. It
// reads its own changes. It belongs to one goroutine and ends with Commit or
// Discard.
//
// A read that fails makes Get answer nil and Scan stop; Err has the reason
// from then on, and Commit refuses.
type Batch struct {
	db *DB
	// pending holds the changed cold records; nil stands for a deleted one.
	pending btree.Map[string, []byte]
	// dirty lists the hot keys that changed, some of them more than once.
	dirty []string
	// ranges are deleted before anything else when the batch is committed.
	// A record in pending or in the hot map is newer than all of them.
	ranges []keyRange
	// undo holds how to take back every change, oldest first. A mark is a
	// length of it.
	undo []undo
	// changes grows with every change, so that a scan notices them.
	changes uint64
	err     error
}

// recentDirty is how many dirty keys are looked through for one more of the same.
const recentDirty = 4

// keptChanges is for how many changes a batch keeps its memory for the next.
const keptChanges = 1 << 16

// keyRange is the keys in [from, to).
type keyRange struct{ from, to string }

// undoKind says which change an undo takes back.
type undoKind byte

const (
	undoHot     undoKind = iota // of a hot record, which is in dirty too
	undoMemory                  // of a record in memory that is not in dirty
	undoPending                 // of a record in pending
	undoRange                   // an addition to ranges
)

// undo is what there was before one change.
type undo struct {
	key  string
	old  []byte
	kind undoKind
	// had tells whether pending had an entry; a deleted record has a nil one.
	had bool
}

// NewBatch begins the next batch. The one before must have been ended.
func (d *DB) NewBatch() *Batch {
	if d.batch == nil {
		d.batch = &Batch{db: d}
	}
	if d.batch.Len() > 0 {
		panic("store: a new batch begins while another one has changes")
	}
	d.batch.reset()
	return d.batch
}

// Get returns the value of a record, nil if there is none. The caller must not
// change it; it stays valid.
func (b *Batch) Get(key []byte) []byte {
	if keys.Where(keys.TableOf(key)) != keys.Cold {
		value, _ := b.db.hot.Get(view(key))
		return value
	}
	if value, ok := b.pending.Get(view(key)); ok {
		return value
	}
	if b.rangeDeleted(view(key)) {
		return nil
	}
	if value, ok := b.db.recent.get(key); ok {
		return value
	}
	value, err := get(b.db.pebble, key)
	b.fail(err)
	return value
}

// Set writes a record. Both slices belong to the store from then on.
func (b *Batch) Set(key, value []byte) {
	if value == nil {
		value = noBytes
	}
	where := keys.Where(keys.TableOf(key))
	if where == keys.Cold {
		b.setPending(view(key), value)
		return
	}
	old, had := b.db.hot.Get(view(key))
	if had && bytes.Equal(old, value) {
		return
	}
	b.setHot(b.owned(key), value, old, where)
}

// owned is a key that outlives the batch: callers build keys with room to spare.
// Commands of one batch often change the same few records in turn, so it is
// likely to be among the last keys.
func (b *Batch) owned(key []byte) string {
	for i := len(b.dirty) - 1; i >= max(0, len(b.dirty)-recentDirty); i-- {
		if b.dirty[i] == view(key) {
			return b.dirty[i]
		}
	}
	return string(key)
}

// Delete removes a record, if it is there.
func (b *Batch) Delete(key []byte) {
	where := keys.Where(keys.TableOf(key))
	if where == keys.Cold {
		b.setPending(view(key), nil)
		return
	}
	if old, had := b.db.hot.Get(view(key)); had {
		b.setHot(string(key), nil, old, where)
	}
}

// DeletePrefix removes every record whose key starts with prefix: a table, or
// a namespace with all of its tables.
func (b *Batch) DeletePrefix(prefix []byte) { b.DeleteRange(prefix, keys.After(prefix)) }

// DeleteRange removes every record in [from, to), whatever their tables. For
// cold ones it costs the same however many there are.
func (b *Batch) DeleteRange(from, to []byte) {
	r := keyRange{from: string(from), to: string(to)}
	if r.from >= r.to {
		panic(fmt.Sprintf("store: range %x to %x is empty", from, to))
	}
	for _, key := range keysIn(&b.db.hot, r) {
		old, _ := b.db.hot.Delete(key)
		b.note(undo{key: key, old: old, kind: undoMemory})
	}
	for _, key := range keysIn(&b.pending, r) {
		old, _ := b.pending.Delete(key)
		b.note(undo{key: key, old: old, kind: undoPending, had: true})
	}
	b.ranges = append(b.ranges, r)
	b.note(undo{kind: undoRange})
}

// Mark returns a point to which Rollback can return.
func (b *Batch) Mark() int { return len(b.undo) }

// Rollback takes back every change since the mark.
func (b *Batch) Rollback(mark int) {
	for i := len(b.undo) - 1; i >= mark; i-- {
		b.takeBack(b.undo[i])
	}
	clear(b.undo[mark:])
	b.undo = b.undo[:mark]
	b.changes++
}

// Err returns the first failure of a read, if there was one.
func (b *Batch) Err() error { return b.err }

// Len counts the changes so far; what was rolled back does not count.
func (b *Batch) Len() int { return len(b.undo) }

// Commit writes the batch. When it fails, the store must not be used any more:
// the memory is ahead of the disk.
func (b *Batch) Commit() error {
	if b.err != nil {
		return b.err
	}
	defer b.reset()
	if len(b.dirty) == 0 && b.pending.Len() == 0 && len(b.ranges) == 0 {
		return nil
	}
	out := b.db.pebble.NewBatch()
	err := b.write(out)
	if err == nil {
		err = out.Commit(pebble.NoSync)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	b.db.unsynced.Store(true)
	if err := b.db.noteManifest(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	b.db.hotRecords.Store(int64(b.db.hot.Len()))
	if len(b.ranges) > 0 {
		b.db.recent = recent{}
	}
	b.pending.Scan(func(key string, value []byte) bool {
		b.db.recent.add(key, value)
		return true
	})
	return nil
}

// Discard ends the batch as if it had never been.
func (b *Batch) Discard() {
	b.Rollback(0)
	b.reset()
}

// write puts the outcome of all changes into a Pebble batch: ranges first,
// then the last value of every changed record.
func (b *Batch) write(out *pebble.Batch) error {
	var errs []error
	put := func(key string, value []byte) bool {
		if value == nil {
			errs = append(errs, out.Delete(bytesOf(key), nil))
		} else {
			errs = append(errs, out.Set(bytesOf(key), value, nil))
		}
		return errs[len(errs)-1] == nil
	}
	for _, r := range b.ranges {
		errs = append(errs, out.DeleteRange([]byte(r.from), []byte(r.to), nil))
	}
	slices.Sort(b.dirty)
	for _, key := range slices.Compact(b.dirty) {
		value, _ := b.db.hot.Get(key)
		put(key, value)
	}
	b.pending.Scan(put)
	return errors.Join(errs...)
}

// setHot changes a record in memory; a nil value deletes it.
func (b *Batch) setHot(key string, value, old []byte, where keys.Residence) {
	if value == nil {
		b.db.hot.Delete(key)
	} else {
		b.db.hot.Set(key, value)
	}
	if where == keys.Derived || b.dirtied(key) {
		b.note(undo{key: key, old: old, kind: undoMemory})
		return
	}
	b.dirty = append(b.dirty, key)
	b.note(undo{key: key, old: old, kind: undoHot})
}

// dirtied tells whether a key is one of those that became dirty last.
func (b *Batch) dirtied(key string) bool {
	for i := len(b.dirty) - 1; i >= max(0, len(b.dirty)-recentDirty); i-- {
		if b.dirty[i] == key {
			return true
		}
	}
	return false
}

// setPending changes a cold record; a nil value deletes it.
func (b *Batch) setPending(key string, value []byte) {
	old, had := b.pending.Set(key, value)
	b.note(undo{key: key, old: old, kind: undoPending, had: had})
}

func (b *Batch) note(u undo) {
	b.undo = append(b.undo, u)
	b.changes++
}

// takeBack reverses one change, the last that is not yet reversed.
func (b *Batch) takeBack(u undo) {
	switch u.kind {
	case undoRange:
		b.ranges = b.ranges[:len(b.ranges)-1]
	case undoPending:
		if u.had {
			b.pending.Set(u.key, u.old)
		} else {
			b.pending.Delete(u.key)
		}
	case undoHot, undoMemory:
		if u.old != nil {
			b.db.hot.Set(u.key, u.old)
		} else {
			b.db.hot.Delete(u.key)
		}
		if u.kind == undoHot {
			b.dirty = b.dirty[:len(b.dirty)-1]
		}
	}
}

// reset forgets everything but the memory for it.
func (b *Batch) reset() {
	clear(b.dirty)
	clear(b.undo)
	b.pending.Clear()
	b.dirty, b.ranges, b.undo, b.err = b.dirty[:0], b.ranges[:0], b.undo[:0], nil
	if cap(b.undo) > keptChanges {
		b.dirty, b.undo = nil, nil
	}
	b.changes++
}

func (b *Batch) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// rangeDeleted tells whether what Pebble has for a key is deleted already.
func (b *Batch) rangeDeleted(key string) bool {
	for _, r := range b.ranges {
		if r.from <= key && key < r.to {
			return true
		}
	}
	return false
}

// keysIn lists the keys of a map that are in a range.
func keysIn(m *btree.Map[string, []byte], r keyRange) (found []string) {
	m.Ascend(r.from, func(key string, _ []byte) bool {
		if key >= r.to {
			return false
		}
		found = append(found, key)
		return true
	})
	return found
}

// view is a key as a string without a copy, valid while the slice is not
// changed.
func view(key []byte) string { return unsafe.String(unsafe.SliceData(key), len(key)) }

// bytesOf is a string as bytes without a copy. Nobody may change them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
