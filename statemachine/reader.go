package statemachine

import (
	"context"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/statemachine/mvcc"
	"github.com/conclavehq/conclave/statemachine/store"
)

// reader is what one query sees: a namespace after one commit.
type reader struct {
	view     *store.View
	kv       mvcc.Snapshot
	ns       keys.Namespace
	clock    recipes.Clock
	revision int64
	dropped  bool

	// ctx is who asks, and stop the machine's end: nothing long goes on after them.
	ctx  context.Context
	stop <-chan struct{}
	// stopped says that the answer is not whole, because of them.
	stopped bool
}

var _ recipes.Reader = (*reader)(nil)

func (m *Machine) newReader(ctx context.Context, view *store.View, ns keys.Namespace) *reader {
	rec, _ := loadNamespace(view, ns)
	return &reader{
		view: view, kv: mvcc.Read(view, ns), ns: ns,
		clock:    recipes.Clock(loadShard(view).GetClockMs()),
		revision: rec.GetRevision(), dropped: rec.GetDropped(),
		ctx: ctx, stop: m.hashes.stop,
	}
}

// Namespace returns the query's namespace.
func (r *reader) Namespace() keys.Namespace { return r.ns }

// Clock returns the log clock of the last applied batch.
func (r *reader) Clock() recipes.Clock { return r.clock }

// Revision returns the namespace's revision.
func (r *reader) Revision() recipes.Revision { return recipes.Revision(r.revision) }

// Get returns a record.
func (r *reader) Get(key []byte) []byte { return r.view.Get(key) }

// Scan visits records in key order.
func (r *reader) Scan(from, to []byte, visit func(key, value []byte) bool) {
	r.view.Scan(from, to, visit)
}

// Current returns the current version of a key.
func (r *reader) Current(key []byte) *logv1.KeyValue { return r.kv.Current(key) }

// Range answers a range read.
func (r *reader) Range(q *logv1.Range) (*logv1.RangeResult, *logv1.Refusal) {
	return r.kv.Range(q, r.revision)
}

// Compacted returns the revision below which history is forgotten.
func (r *reader) Compacted() recipes.Revision { return recipes.Revision(r.kv.Compacted()) }

// HashKeys hashes what was written up to a revision.
func (r *reader) HashKeys(revision recipes.Revision) uint32 {
	// What makes a hash fail is asked for in whole.
	hash, _ := r.kv.Hash(int64(revision), func() bool {
		select {
		case <-r.stop:
		case <-r.ctx.Done():
		default:
			return false
		}
		r.stopped = true
		return true
	})
	return hash
}

// whole tells why an answer is not whole; nil if it is.
func (r *reader) whole() error {
	if err := r.view.Err(); err != nil {
		return fmt.Errorf("statemachine: query: %w", err)
	}
	if !r.stopped {
		return nil
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return ErrClosed
}

// Export answers with a page of keys.
func (r *reader) Export(q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal) {
	return r.kv.Export(q, r.revision)
}
