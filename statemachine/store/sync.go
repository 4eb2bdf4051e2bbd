package store

import (
	"errors"
	"fmt"
	"io/fs"
)

// Sync makes every commit so far durable: it writes what is in memory alone into a
// table and waits for the disk.
func (d *DB) Sync() error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.views.Done()
	if err := d.flush(); err != nil {
		return fmt.Errorf("store: sync: %w", err)
	}
	return nil
}

// BeginSync begins to make every commit so far durable and does not wait, so that a
// Sync soon afterwards has little to do.
func (d *DB) BeginSync() error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.views.Done()
	if _, err := d.pebble.AsyncFlush(); err != nil {
		return fmt.Errorf("store: sync: %w", err)
	}
	return nil
}

// flush makes every commit so far durable, the witness included.
func (d *DB) flush() error {
	d.syncing.Lock()
	defer d.syncing.Unlock()
	if !d.unsynced.Swap(false) {
		return nil
	}
	var before [len(coldTables)]int64
	for i := range before {
		before[i] = d.unflushed[i].Load()
	}
	err := d.pebble.Flush() // a flush that fails ends the process
	if err == nil {
		for i := range before {
			d.unflushed[i].Add(-before[i])
		}
		err = d.noteManifest()
	}
	if err != nil {
		d.unsynced.Store(true)
	}
	return err
}

// noteManifest puts on record how far the manifest has come, if it has moved.
func (d *DB) noteManifest() error {
	if !d.log.manifestMoved.Swap(false) {
		return nil
	}
	err := d.witness.note()
	if errors.Is(err, fs.ErrNotExist) { // another manifest took its place meanwhile
		d.log.manifestMoved.Store(true)
		return nil
	}
	return err
}
