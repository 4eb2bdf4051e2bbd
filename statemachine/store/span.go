package store

import (
	"bytes"

	"github.com/conclavehq/conclave/internal/keys"
)

// SpanBytes is about what the records of a cold table in [from, to) take on disk,
// or will take. It reads none of them. What was replaced or deleted counts until
// the tables that have it are rewritten, and what is in memory alone counts
// wherever in the table it is. It is asked of the disk as it is now, whatever the
// view sees.
func (v *View) SpanBytes(from, to []byte) int64 {
	if bytes.Compare(from, to) >= 0 {
		return 0
	}
	d := v.db
	// Before the tables are looked at: what is flushed meanwhile counts twice.
	inMemory := min(d.unflushed[laneOf(keys.TableOf(from))].Load(), d.PendingBytes())
	onDisk, err := d.pebble.EstimateDiskUsage(from, to)
	if err != nil { // the span has no order, which was looked at
		return d.DiskBytes()
	}
	return int64(onDisk) + inMemory
}
