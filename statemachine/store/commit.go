package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Commit writes the batch. When it fails, the store must not be used any more:
// the memory is ahead of the disk.
func (b *Batch) Commit() error {
	if b.err != nil {
		return b.err
	}
	defer b.reset()
	if b.empty() {
		return nil
	}
	out, commit := b.db.pebble.NewBatch(), b.db.commits.Load()+1
	b.db.recent.forget(b.ranges, commit)
	written, err := b.write(out, commit)
	if err == nil {
		err = out.Commit(pebble.NoSync)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	b.db.commits.Store(commit)
	for i, bytes := range written {
		b.db.unflushed[i].Add(bytes)
	}
	if err := b.db.pass(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	b.db.unsynced.Store(true)
	if err := b.db.noteManifest(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	b.db.hotRecords.Store(int64(b.db.hot.Len()))
	return nil
}

// Discard ends the batch as if it had never been.
func (b *Batch) Discard() {
	b.Rollback(0)
	b.reset()
}

// empty tells that there is nothing to write.
func (b *Batch) empty() bool {
	for i := range b.lanes {
		if len(b.lanes[i].writes) > 0 {
			return false
		}
	}
	return len(b.dirty) == 0 && len(b.ranges) == 0
}

// write puts the outcome of all changes into a Pebble batch: ranges first,
// then the last value of every changed record, table by table. What is kept in
// recent is so before Pebble has it. It tells how much went into each cold table.
func (b *Batch) write(out *pebble.Batch, commit uint64) (written [len(coldTables)]int64, err error) {
	for _, r := range b.ranges {
		if err := out.DeleteRange([]byte(r.from), []byte(r.to), nil); err != nil {
			return written, err
		}
	}
	for _, record := range b.dirty {
		b.db.recent.put(record.key, record.value, commit)
		if err := writeRecord(out, record.key, record.value); err != nil {
			return written, err
		}
	}
	for i := range b.lanes {
		err := b.lanes[i].each(func(w *write) error {
			b.db.recent.put(w.key, w.value, commit)
			written[i] += int64(len(w.key) + len(w.value))
			return writeRecord(out, w.key, w.value)
		})
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writeRecord puts one record into a Pebble batch; a nil value deletes it.
func writeRecord(out *pebble.Batch, key string, value []byte) error {
	if value == nil {
		return out.Delete(bytesOf(key), nil)
	}
	return out.Set(bytesOf(key), value, nil)
}

// reset forgets everything but the memory for it.
func (b *Batch) reset() {
	for i := range b.lanes {
		b.lanes[i].reset()
	}
	clear(b.dirty)
	clear(b.changed)
	clear(b.undo)
	b.dirty, b.ranges, b.undo, b.err = b.dirty[:0], b.ranges[:0], b.undo[:0], nil
	if cap(b.undo) > keptChanges {
		b.dirty, b.changed, b.undo = nil, nil, nil
	}
	b.changes++
}
