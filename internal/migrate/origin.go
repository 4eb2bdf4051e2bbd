package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

// Span is the keys from one on and before another; To is empty for no end.
type Span struct{ From, To string }

// Prefix is the keys that begin with a prefix; an empty one is that of all.
func Prefix(prefix string) Span {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xFF {
		end = end[:len(end)-1]
	}
	if len(end) > 0 {
		end[len(end)-1]++
	}
	return Span{From: prefix, To: string(end)}
}

// Origin is a store that keys are moved from, as far as they are in a span.
type Origin interface {
	// Source names the store, and the span if it is not all.
	Source() string
	// Head is its current revision.
	Head(ctx context.Context) (int64, error)
	// At is its keys as they were at a revision, and its leases as they are. Reading
	// fails with a CompactedError when the revision is forgotten.
	At(revision int64) archive.Source
	// Count is how many keys there were at a revision.
	Count(ctx context.Context, revision int64) (int64, error)
	// LeaseIDs are those of its leases as they are now.
	LeaseIDs(ctx context.Context) ([]int64, error)
	// TTL is what a lease was granted for; 0 if there is no such lease any more.
	TTL(ctx context.Context, lease int64) (time.Duration, error)
	// Changes tells what was changed after a revision, in order and without gaps,
	// until ctx ends or tell fails, in this goroutine. When nothing changes it tells
	// that about once a second. It fails with a CompactedError when some of that is
	// forgotten.
	Changes(ctx context.Context, after int64, tell func(News) error) error
}

// News is what an Origin tells about changes.
type News struct {
	// Revisions that have changed something in the span, each of them whole.
	Revisions []conclave.ImportedRevision
	// Through is a revision up to which everything has been told; 0 if that is not
	// known.
	Through int64
	// Head is the store's revision, as far as it is known.
	Head int64
}

// CompactedError says that a store has forgotten what it was asked for.
type CompactedError struct {
	// Asked is the revision that was asked for, First the first one that is known.
	Asked, First int64
}

func (e *CompactedError) Error() string {
	return fmt.Sprintf("revision %d is compacted there; the first one that is left is %d", e.Asked, e.First)
}
