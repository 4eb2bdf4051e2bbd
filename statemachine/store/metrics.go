package store

// Metrics are the numbers of a DB that an operator wants to see.
type Metrics struct {
	// DiskBytes is the size of all files.
	DiskBytes int64
	// HotRecords counts the records kept in memory, as of the last commit.
	HotRecords int64
	// MemTableBytes is held by tables that are not on disk yet.
	MemTableBytes int64
	// CacheHits and CacheMisses count block reads of the (shared) cache.
	CacheHits, CacheMisses int64
	// Flushes and Compactions count finished background writes.
	Flushes, Compactions int64
	// CompactionDebtBytes is what compactions still have to read.
	CompactionDebtBytes int64
	// ReadAmplification is how many sorted runs a range read merges.
	ReadAmplification int
}

// Metrics reads the current numbers; all zero once the DB is closed.
func (d *DB) Metrics() Metrics {
	if d.acquire() != nil {
		return Metrics{}
	}
	defer d.views.Done()
	m := d.pebble.Metrics()
	return Metrics{
		DiskBytes:           int64(m.DiskSpaceUsage()),
		HotRecords:          d.hotRecords.Load(),
		MemTableBytes:       int64(m.MemTable.Size),
		CacheHits:           m.BlockCache.Hits,
		CacheMisses:         m.BlockCache.Misses,
		Flushes:             m.Flush.Count,
		Compactions:         m.Compact.Count,
		CompactionDebtBytes: int64(m.Compact.EstimatedDebt),
		ReadAmplification:   m.ReadAmp(),
	}
}

// DiskBytes is the size of all files.
func (d *DB) DiskBytes() int64 { return d.Metrics().DiskBytes }
