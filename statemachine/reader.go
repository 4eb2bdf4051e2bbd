package statemachine

import (
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
}

var _ recipes.Reader = (*reader)(nil)

func newReader(view *store.View, ns keys.Namespace) *reader {
	rec, _ := loadNamespace(view, ns)
	return &reader{
		view: view, kv: mvcc.Read(view, ns), ns: ns,
		clock:    recipes.Clock(loadShard(view).GetClockMs()),
		revision: rec.GetRevision(), dropped: rec.GetDropped(),
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

// Export answers with a page of keys.
func (r *reader) Export(q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal) {
	return r.kv.Export(q, r.revision)
}
