package recipes

import (
	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Clock is log-clock time in milliseconds. It only moves while a leader
// commits batches, and never backwards.
type Clock int64

// Revision counts the write transactions of a namespace. Tokens, terms,
// receipts and tickets are revisions.
type Revision int64

// Reader is what a query may see: one namespace at one moment.
//
// A value that a Reader returns must not be changed, and is valid until the
// query or command ends. A failed read of the disk makes Get answer nil and
// Scan stop; the owner of the Reader then discards the outcome (a replica that
// cannot read its disk stops), so rules need not handle it.
type Reader interface {
	// Namespace is the namespace that the rule works in.
	Namespace() keys.Namespace
	// Clock is the log clock: the batch's when applying, else the last applied.
	Clock() Clock
	// Revision is the namespace's current revision, including the one that the
	// running command has taken.
	Revision() Revision
	// Get returns the record at key, nil if there is none. It sees the running
	// command's own changes.
	Get(key []byte) []byte
	// Scan calls visit for the records in [from, to) in key order until it
	// returns false. The rule must not change the scanned range meanwhile.
	Scan(from, to []byte, visit func(key, value []byte) bool)

	// KV reads.

	// Current returns the current version of a key, or nil.
	Current(key []byte) *logv1.KeyValue
	// Range answers a range read; a refusal is COMPACTED or FUTURE_REVISION.
	Range(q *logv1.Range) (*logv1.RangeResult, *logv1.Refusal)
	// Compacted is the revision below which history is forgotten; -1 if it
	// never was.
	Compacted() Revision
	// HashKeys hashes what was written up to a revision and is not forgotten;
	// what was written after it does not matter.
	HashKeys(revision Revision) uint32
	// Export answers with a page of keys; a refusal is as with Range.
	Export(q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal)
}

// Tx is what a command may see and change. All of a command's changes are
// committed together with the rest of its batch, or, if the rule returns a
// refusal, not at all: the caller rolls them back.
type Tx interface {
	Reader
	// WallMS is the leader's wall clock for showing to humans (Unix ms).
	WallMS() int64
	// NextRevision takes the command's revision. Further calls in the same
	// command return the same one.
	NextRevision() Revision
	// Set writes a record; the tx keeps both slices.
	Set(key, value []byte)
	// Delete removes a record, if it is there.
	Delete(key []byte)
	// Emit tells subscribers of every replica after the commit. The tx fills
	// in namespace and revision.
	Emit(event *logv1.Event)
	// Mark and Rollback undo a part of a command: everything since the mark
	// goes, events and a taken revision too.
	Mark() int
	Rollback(mark int)

	// KV writes. They take the command's revision, emit the KV events and keep
	// the table of the keys that end with a lease. The rules in kv.go have
	// checked everything before they call them.

	// PutKey writes a version of a key.
	PutKey(key, value []byte, leaseID int64)
	// MakeKey writes the first version of a key, also where there is a key.
	MakeKey(key, value []byte, leaseID int64)
	// DeleteKeys deletes the keys in [key, rangeEnd) (one key if rangeEnd is
	// empty, no upper bound if it is one zero byte) and returns what they were.
	DeleteKeys(key, rangeEnd []byte) []*logv1.KeyValue
	// CompactTo forgets history before rev and returns how many versions went.
	CompactTo(rev Revision) int64

	// Imports write what another store has, with its numbers. The rules in
	// transfer.go have checked everything before they call these.

	// Restart moves the namespace to rev, which is not less than the current
	// revision, and forgets all history; the changes of rev itself are not known.
	Restart(rev Revision)
	// SwapKeys makes the keys of a range those that are given, without history or
	// events, and returns how many others there were.
	SwapKeys(key, rangeEnd []byte, with []*logv1.KeyValue) int64
	// AdvanceTo takes rev, which is above the current revision, for what follows
	// in the command. What came before keeps the revision that it had.
	AdvanceTo(rev Revision)
	// PlaceKey writes a version of a key as it is, at the current revision.
	PlaceKey(kv *logv1.KeyValue)
}
