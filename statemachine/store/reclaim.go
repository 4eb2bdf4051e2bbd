package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// worthReclaiming is how much room deleted records must hold for Reclaim to
// rewrite anything: the tables that change all the time always hold some.
const worthReclaiming = 1 << 20

// PendingBytes is how much is in memory and will be written, at most.
func (d *DB) PendingBytes() int64 {
	if d.acquire() != nil {
		return 0
	}
	defer d.views.Done()
	return int64(d.pebble.Metrics().MemTable.Size)
}

// Reclaim gives back the room of what was deleted and is on disk. Compactions do
// so by themselves, but only as more is written. It goes from table to table,
// so that no step needs room for more than a few of them.
func (d *DB) Reclaim(ctx context.Context) error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.views.Done()
	if err := d.flush(); err != nil { // what was deleted last is in memory
		return fmt.Errorf("store: reclaim: %w", err)
	}
	garbage := d.pebble.Metrics().Table.Garbage
	if garbage.PointDeletionsBytesEstimate+garbage.RangeDeletionsBytesEstimate < worthReclaiming {
		return nil
	}
	bounds, err := d.bounds()
	if err != nil {
		return fmt.Errorf("store: reclaim: %w", err)
	}
	for i := 1; i < len(bounds); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.pebble.Compact(ctx, bounds[i-1], bounds[i], false); err != nil {
			return fmt.Errorf("store: reclaim: %w", err)
		}
	}
	return nil
}

// bounds are the first keys of all tables, and the range of the whole, in order. Not
// only of the lowest level: what was deleted last has none there, and would go down
// in one step.
func (d *DB) bounds() ([][]byte, error) {
	levels, err := d.pebble.SSTables()
	if err != nil {
		return nil, err
	}
	var bounds [][]byte
	var first, last []byte
	for _, tables := range levels {
		for _, table := range tables {
			if from := table.Smallest.UserKey; first == nil || bytes.Compare(from, first) < 0 {
				first = from
			}
			if to := table.Largest.UserKey; bytes.Compare(to, last) > 0 {
				last = to
			}
			bounds = append(bounds, table.Smallest.UserKey)
		}
	}
	if first == nil {
		return nil, nil
	}
	bounds = append(bounds, first, append(bytes.Clone(last), 0))
	slices.SortFunc(bounds, bytes.Compare)
	return slices.CompactFunc(bounds, bytes.Equal), nil
}
