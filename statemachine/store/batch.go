package store

import (
	"bytes"
	"fmt"
	"unsafe"

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
	// lanes hold the changes of cold records, by the place of their table in
	// coldTables.
	lanes [len(coldTables)]lane
	// dirty lists the hot records that changed, each once, and changed finds
	// them by key. A deleted one has no value.
	dirty   []*hotRecord
	changed map[string]*hotRecord
	// ranges are deleted before anything else when the batch is committed.
	// A record in a lane or in the hot map is newer than all of them.
	ranges []keyRange
	// undo holds how to take back every change, oldest first. A mark is a
	// length of it.
	undo []undo
	// changes grows with every change, so that a scan notices them.
	changes uint64
	err     error
}

// keptChanges is for how many changes a batch keeps its memory for the next.
const keptChanges = 1 << 16

// keyRange is the keys in [from, to).
type keyRange struct{ from, to string }

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
	table := keys.TableOf(key)
	if keys.Where(table) != keys.Cold {
		if record := b.findHot(view(key)); record != nil {
			return record.value
		}
		return nil
	}
	if value, ok := b.lane(table).get(view(key)); ok {
		return value
	}
	if b.rangeDeleted(view(key)) {
		return nil
	}
	if value, ok := b.db.recent.get(view(key), newest); ok {
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
	table := keys.TableOf(key)
	where := keys.Where(table)
	if where == keys.Cold {
		b.setCold(table, view(key), value)
		return
	}
	record := b.findHot(view(key))
	if record == nil {
		// Callers build keys with room to spare, and this one stays.
		record = &hotRecord{key: string(key)}
	}
	if record.value == nil || !bytes.Equal(record.value, value) {
		b.setHot(record, value, where == keys.Hot)
	}
}

// Delete removes a record, if it is there.
func (b *Batch) Delete(key []byte) {
	table := keys.TableOf(key)
	where := keys.Where(table)
	if where == keys.Cold {
		b.setCold(table, view(key), nil)
		return
	}
	if record := b.findHot(view(key)); record != nil && record.value != nil {
		b.setHot(record, nil, where == keys.Hot)
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
	for _, record := range b.hotIn(r) {
		b.setHot(record, nil, false) // the range deletes it on disk
	}
	for i := range b.lanes {
		for _, key := range b.lanes[i].keysIn(r) {
			b.setCold(coldTables[i], key, nil)
		}
	}
	b.ranges = append(b.ranges, r)
	b.note(undo{kind: undoRange})
}

// Err returns the first failure of a read, if there was one.
func (b *Batch) Err() error { return b.err }

// Len counts the changes so far; what was rolled back does not count.
func (b *Batch) Len() int { return len(b.undo) }

// lane returns the changes of a cold table.
func (b *Batch) lane(table keys.Table) *lane { return &b.lanes[laneOf(table)] }

// setCold changes a cold record; a nil value deletes it.
func (b *Batch) setCold(table keys.Table, key string, value []byte) {
	i := laneOf(table)
	b.lanes[i].add(key, value)
	b.note(undo{kind: undoCold, lane: uint8(i)})
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

// view is a key as a string without a copy, valid while the slice is not
// changed.
func view(key []byte) string { return unsafe.String(unsafe.SliceData(key), len(key)) }

// bytesOf is a string as bytes without a copy. Nobody may change them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
