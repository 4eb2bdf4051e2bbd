package statemachine

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// Export answers with a page of keys.
func (t *tx) Export(q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal) {
	return t.kv.Export(q, t.revision)
}

// Restart moves the namespace to a revision and forgets all history.
func (t *tx) Restart(rev recipes.Revision) {
	t.AdvanceTo(rev)
	t.kv.Restart(int64(rev))
	t.restarted = true
}

// SwapKeys makes the keys of a range those that are given.
func (t *tx) SwapKeys(key, rangeEnd []byte, with []*logv1.KeyValue) int64 {
	return t.kv.Swap(key, rangeEnd, with)
}

// AdvanceTo takes a revision for what follows in the command.
func (t *tx) AdvanceTo(rev recipes.Revision) {
	t.stamp()
	t.revision, t.taken, t.number = int64(rev), true, 0
}

// PlaceKey writes a version of a key as it is.
func (t *tx) PlaceKey(kv *logv1.KeyValue) {
	t.emitKV(t.kv.Place(t.number, kv, t.ns.watched))
}
