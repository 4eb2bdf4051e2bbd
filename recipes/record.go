package recipes

import (
	"cmp"
	"fmt"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// record is a storage message with the fast codec.
type record interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

// load decodes the record at key into rec and reports whether there is one. A
// record that does not decode means a damaged or foreign state: going on would
// diverge, so it panics and the replica stops.
func load(r Reader, key []byte, rec record) bool {
	value := r.Get(key)
	if value == nil {
		return false
	}
	decode(key, value, rec)
	return true
}

// decode decodes a scanned record, panicking as load does.
func decode(key, value []byte, rec record) {
	if err := rec.UnmarshalVT(value); err != nil {
		panic(fmt.Sprintf("recipes: record at key %x does not decode: %v", key, err))
	}
}

// save encodes and writes a record.
func save(tx Tx, key []byte, rec record) {
	value, err := rec.MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("recipes: record for key %x does not encode: %v", key, err))
	}
	if value == nil {
		value = []byte{}
	}
	tx.Set(key, value)
}

// refuse makes a refusal with a formatted sentence.
func refuse(reason logv1.Reason, format string, args ...any) *logv1.Refusal {
	return &logv1.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// stamped returns the card with its beginning set to the batch's wall clock.
func stamped(tx Tx, card *logv1.Card) *logv1.Card {
	if card == nil {
		return &logv1.Card{SinceMs: tx.WallMS()}
	}
	out := card.CloneVT()
	out.SinceMs = tx.WallMS()
	return out
}

// sessionCard returns the card of what a session does: what the caller says,
// and who the session is when the caller gives no identity, so that nothing is
// ever held by a nobody (promise R5).
func sessionCard(tx Tx, leaseID int64, card *logv1.Card) *logv1.Card {
	out := stamped(tx, card)
	if out.Identity != "" {
		return out
	}
	var session storagev1.LeaseRecord
	load(tx, leaseKey(tx, leaseID), &session)
	out.Identity = session.GetCard().GetIdentity()
	out.Host = cmp.Or(out.Host, session.GetCard().GetHost())
	out.Pid = cmp.Or(out.Pid, session.GetCard().GetPid())
	return out
}
