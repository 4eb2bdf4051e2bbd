package store

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/planted"
)

// DefaultMemTableBytes is the size of one in-memory table unless Options say
// otherwise. Up to four of them exist while the disk is behind. A table begins
// small and grows to this size; one of 16 MiB made flushing and compacting a
// third of what a small write costs. After a crash, what was in the last ones is
// applied again.
const DefaultMemTableBytes = 64 << 20

// DefaultCacheBytes is the size of the cache of a DB that is given none. It is
// used as needed. With millions of keys much less does not even hold the bloom
// filters and indexes, and then each write, which has to know the version that it
// replaces, reads them from the file: with 64 MiB and five million keys that was
// half of all that a put cost.
const DefaultCacheBytes = 256 << 20

// indexBlockBytes is how large a part of an index may become.
const indexBlockBytes = 256 << 10

// bloomBitsPerKey gives one false positive in a hundred point reads.
const bloomBitsPerKey = 10

// Cache holds blocks of Pebble files. All shards of a process share one.
type Cache = pebble.Cache

// NewCache makes a cache of the given size. The caller gives it back with
// Unref after the last DB that uses it is closed.
func NewCache(bytes int64) *Cache { return pebble.NewCache(bytes) }

// Options are the settings of a DB. The zero value works.
type Options struct {
	// FS is the file system; nil: the operating system's.
	FS vfs.FS
	// Cache is shared with other DBs; nil: one of this DB's own, of
	// DefaultCacheBytes.
	Cache *Cache
	// RecentBytes is how much of the records that were written or read last is kept
	// in memory; 0: DefaultRecentBytes.
	RecentBytes int
	// MemTableBytes is the size of one in-memory table; 0: the default.
	MemTableBytes uint64
	// Fatal is called with one sentence when a write, an fsync or the data
	// itself failed (promise S3). It must not return. nil, or if it returns
	// all the same: the store panics.
	Fatal func(reason string)
	// Log receives what Pebble has to say; the zero value drops it.
	Log zerolog.Logger
}

// pebbleOptions translates o. The logger is the one inside the options.
func (o Options) pebbleOptions() (*pebble.Options, *logger) {
	memTable := o.MemTableBytes
	if memTable == 0 {
		memTable = DefaultMemTableBytes
	}
	logger := &logger{log: o.Log, fatal: o.Fatal}
	opts := &pebble.Options{
		FS:                 o.FS,
		Cache:              o.Cache,
		CacheSize:          DefaultCacheBytes,
		FormatMajorVersion: pebble.FormatNewest,
		// The Raft log has every commit until Sync has made it durable here.
		DisableWAL:                  true,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		// Compactions of several shards share few cores with apply.
		CompactionConcurrencyRange: func() (lower, upper int) { return 1, 1 },
		Logger:                     logger,
		EventListener:              logger.listener(),
	}
	if opts.FS == nil {
		opts.FS = vfs.Default
	}
	if planted.Bug == planted.NoSync {
		opts.FS = unsynced{opts.FS}
	}
	// The filter is worth its memory on the lowest level too: most point reads
	// that miss are for keys that are about to be created. And small parts of an
	// index would need an index of their own, which is one more block to read.
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
		opts.Levels[i].IndexBlockSize = indexBlockBytes
	}
	return opts, logger
}
