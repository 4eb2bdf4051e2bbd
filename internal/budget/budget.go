// Package budget bounds what many clients have in progress together, so that too much
// is refused early and does not grow the memory.
package budget

import "sync/atomic"

// Budget counts what is in progress of one kind, and the bytes that it holds. It
// never blocks. Its methods may be called from many goroutines.
type Budget struct {
	most, mostBytes int64

	open, bytes atomic.Int64
}

// New makes a budget for so much.
func New(most, mostBytes int64) Budget { return Budget{most: most, mostBytes: mostBytes} }

// Take counts some more, unless that is too much. All are taken or none; what comes
// while nothing else is in progress fits, whatever its size.
func (b *Budget) Take(count, bytes int) bool {
	open, size := b.open.Add(int64(count)), b.bytes.Add(int64(bytes))
	if open == int64(count) || open <= b.most && size <= b.mostBytes {
		return true
	}
	b.Give(count, bytes)
	return false
}

// Force counts what is there already, even when that is too much.
func (b *Budget) Force(count, bytes int) { b.Give(-count, -bytes) }

// Give takes back what was counted.
func (b *Budget) Give(count, bytes int) {
	b.open.Add(-int64(count))
	b.bytes.Add(-int64(bytes))
}

// Fits says whether one more with so many bytes would be taken now.
func (b *Budget) Fits(bytes int) bool {
	open := b.open.Load()
	return open <= 0 || open < b.most && b.bytes.Load()+int64(bytes) <= b.mostBytes
}

// Used is what is in progress.
func (b *Budget) Used() (open, bytes int64) { return b.open.Load(), b.bytes.Load() }
