package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/tidwall/btree"

	"github.com/conclavehq/conclave/internal/keys"
)

// ErrClosed is returned by a DB that is closed or being closed.
var ErrClosed = errors.New("store: closed")

// DB is the storage of one shard replica. NewBatch belongs to the apply
// goroutine; View, Sync, Metrics and DiskBytes may be called from any.
type DB struct {
	pebble  *pebble.DB
	log     *logger // of pebble's events
	witness witness

	// hot holds all records of hot and derived tables. Only the apply
	// goroutine touches it.
	hot   btree.Map[string, *hotRecord]
	batch *Batch
	// recent holds what was written or read last; commits is the number of the
	// last commit.
	recent  *recent
	commits atomic.Uint64
	// hotRecords is the size of hot after the last commit, for metrics.
	hotRecords atomic.Int64

	// syncing is held while commits become durable, and unsynced is false when
	// all of them are.
	syncing  sync.Mutex
	unsynced atomic.Bool
	// unflushed is how much was written to each cold table since the last flush
	// that somebody asked for, by its place in coldTables.
	unflushed [len(coldTables)]atomic.Int64

	mu struct {
		sync.Mutex
		closed bool
		// moment is what the next view sees, if one was opened since the last commit.
		moment *moment
	}
	// views counts the open views. It is only added to under mu, and never
	// after closed is set, so Close can wait for it.
	views sync.WaitGroup
}

// Open opens the store in dir, making it if there is none, and loads the hot
// tables. Derived tables are empty; the owner rebuilds them. After a crash the state
// is that of the last flush; the owner brings it up to date.
func Open(dir string, opts Options) (*DB, error) {
	po, log := opts.pebbleOptions()
	w := witness{fs: po.FS, dir: dir}
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("store: open %s: %w", dir, err)
	}
	db, err := pebble.Open(dir, po)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", dir, err)
	}
	d := &DB{pebble: db, log: log, witness: w, recent: newRecent(cmp.Or(opts.RecentBytes, DefaultRecentBytes))}
	err = w.note()
	if err == nil {
		err = d.loadHot()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: load %s: %w", dir, err), db.Close())
	}
	return d, nil
}

// Close makes every commit durable, waits until every View is closed, and closes
// the files. The batch that was open, if any, is lost. Closing twice is an error.
func (d *DB) Close() error {
	d.mu.Lock()
	closed := d.mu.closed
	d.mu.closed = true
	d.mu.Unlock()
	if closed {
		return ErrClosed
	}
	d.views.Wait()
	if err := errors.Join(d.pass(), d.flush(), d.pebble.Close()); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// Abandon is Close without making anything durable, for a DB whose files nobody
// will open again.
func (d *DB) Abandon() error {
	d.unsynced.Store(false)
	return d.Close()
}

// loadHot fills the map from the hot tables, skipping over the cold ones.
func (d *DB) loadHot() error {
	iter, err := d.pebble.NewIter(nil)
	if err != nil {
		return err
	}
	for valid := iter.First(); valid; {
		key := iter.Key()
		if len(key) < keys.HeaderLen {
			return errors.Join(fmt.Errorf("key %x has no table", key), iter.Close())
		}
		if keys.Where(keys.TableOf(key)) != keys.Hot {
			valid = iter.SeekGE(keys.After(bytes.Clone(key[:keys.HeaderLen])))
			continue
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return errors.Join(err, iter.Close())
		}
		name := string(key)
		d.hot.Load(name, &hotRecord{key: name, value: clone(value)})
		valid = iter.Next()
	}
	d.hotRecords.Store(int64(d.hot.Len()))
	return errors.Join(iter.Error(), iter.Close())
}

// noBytes is the value of every empty record, so that it is not nil.
var noBytes = []byte{}

// clone copies a value that is about to become invalid.
func clone(value []byte) []byte {
	if len(value) == 0 {
		return noBytes
	}
	return append(make([]byte, 0, len(value)), value...)
}

// get reads a record from Pebble or a snapshot of it; nil if there is none.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read %x: %w", key, err)
	}
	out := clone(value)
	return out, closer.Close()
}
