package workload

import (
	"slices"
	"sync"

	"github.com/conclavehq/conclave/test/faults/history"
)

// deletionsKept is more than the revisions that a compaction leaves.
const deletionsKept = 4096

// deletions are the last revisions of a log that deleted something. The zero value
// has none.
type deletions struct {
	mu        sync.Mutex // protects revisions
	revisions []int64    // sorted
}

// note takes what a revision did. Revisions come in order.
func (d *deletions) note(revision int64, events []history.Event) {
	if !slices.ContainsFunc(events, func(e history.Event) bool { return e.Delete }) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.revisions) == deletionsKept {
		d.revisions = append(d.revisions[:0], d.revisions[deletionsKept/2:]...)
	}
	d.revisions = append(d.revisions, revision)
}

// upTo is the last of them up to a revision; 0: none is known.
func (d *deletions) upTo(revision int64) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, found := slices.BinarySearch(d.revisions, revision)
	switch {
	case found:
		return revision
	case n == 0:
		return 0
	}
	return d.revisions[n-1]
}
