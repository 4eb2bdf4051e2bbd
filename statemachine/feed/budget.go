package feed

import "sync/atomic"

// Budget bounds what some subscriptions together may have pending, for instance
// those of one client: without one, a client that does not read keeps as much in
// memory as each of them may hold. A subscription whose events do not fit any
// more is told ErrLagging. One event always fits.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{limit: bytes} }

// Used is how much of it is taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// take takes bytes if they fit. A nil budget is without bounds.
func (b *Budget) take(bytes int) bool {
	if b == nil {
		return true
	}
	n := int64(bytes)
	if used := b.used.Add(n); used > b.limit && used != n {
		b.used.Add(-n)
		return false
	}
	return true
}

// give gives bytes back.
func (b *Budget) give(bytes int) {
	if b != nil && bytes > 0 {
		b.used.Add(-int64(bytes))
	}
}
