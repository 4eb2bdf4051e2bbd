package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// buildBatchBytes is how much a Builder collects before it hands it to Pebble.
const buildBatchBytes = 4 << 20

// Builder makes a new store from the records of a snapshot, aside from the one
// in use. Until Finish has returned, the directory is worth nothing.
type Builder struct {
	dir   string
	opts  *pebble.Options
	db    *pebble.DB
	batch *pebble.Batch
}

// NewBuilder begins a store in dir, which must not hold one yet.
func NewBuilder(dir string, opts Options) (*Builder, error) {
	po, _ := opts.pebbleOptions()
	po.ErrorIfExists = true
	db, err := pebble.Open(dir, po)
	if err != nil {
		return nil, fmt.Errorf("store: build %s: %w", dir, err)
	}
	return &Builder{dir: dir, opts: po, db: db, batch: db.NewBatch()}, nil
}

// Add writes one record. It copies both slices. Records in key order make the
// best use of the disk.
func (b *Builder) Add(key, value []byte) error {
	if err := b.batch.Set(key, value, nil); err != nil {
		return fmt.Errorf("store: build: %w", err)
	}
	if b.batch.Len() < buildBatchBytes {
		return nil
	}
	return b.flush()
}

// Finish makes the store durable, its directory entry included, and closes it.
func (b *Builder) Finish() error {
	err := b.flush()
	if err == nil {
		err = b.db.Flush()
	}
	if err := errors.Join(err, b.Abort()); err != nil {
		return fmt.Errorf("store: build: %w", err)
	}
	parent, err := b.opts.FS.OpenDir(b.opts.FS.PathDir(b.dir))
	if err != nil {
		return fmt.Errorf("store: build: %w", err)
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// Abort closes the files; the caller removes the directory.
func (b *Builder) Abort() error { return errors.Join(b.batch.Close(), b.db.Close()) }

func (b *Builder) flush() error {
	if err := b.batch.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("store: build: %w", err)
	}
	b.batch.Reset()
	return nil
}
