package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Put writes one key. It takes a revision even if the value stays the same.
func Put(tx Tx, cmd *logv1.Put) (*logv1.PutResult, *logv1.Refusal) {
	if refusal := checkPut(tx, cmd); refusal != nil {
		return nil, refusal
	}
	return put(tx, cmd), nil
}

// checkPut tells why a put cannot be done. It must see the state before the
// transaction that the put is in.
func checkPut(r Reader, cmd *logv1.Put) *logv1.Refusal {
	if len(cmd.GetKey()) == 0 {
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a key has at least one byte")
	}
	if cmd.GetIgnoreValue() && len(cmd.GetValue()) > 0 {
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a put that keeps the value cannot carry one")
	}
	if cmd.GetIgnoreLease() && cmd.GetLeaseId() != 0 {
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a put that keeps the lease cannot carry one")
	}
	if id := cmd.GetLeaseId(); id != 0 && !leaseExists(r, id) {
		return refuse(logv1.Reason_REASON_LEASE_NOT_FOUND, "lease %d does not exist or has ended", id)
	}
	if (cmd.GetIgnoreValue() || cmd.GetIgnoreLease()) && r.Current(cmd.GetKey()) == nil {
		return refuse(logv1.Reason_REASON_KEY_NOT_FOUND, "key %q has no value or lease to keep", cmd.GetKey())
	}
	return nil
}

// put does a put that checkPut has let through.
func put(tx Tx, cmd *logv1.Put) *logv1.PutResult {
	value, lease := cmd.GetValue(), cmd.GetLeaseId()
	if cmd.GetIgnoreValue() || cmd.GetIgnoreLease() {
		current := tx.Current(cmd.GetKey())
		if cmd.GetIgnoreValue() {
			value = current.GetValue()
		}
		if cmd.GetIgnoreLease() {
			lease = current.GetLeaseId()
		}
	}
	result := &logv1.PutResult{}
	if cmd.GetPrevious() {
		result.Previous = tx.Current(cmd.GetKey())
	}
	if cmd.GetAnew() {
		tx.MakeKey(cmd.GetKey(), value, lease)
	} else {
		tx.PutKey(cmd.GetKey(), value, lease)
	}
	return result
}

// DeleteRange deletes keys. When there are none to delete, no revision is
// taken.
func DeleteRange(tx Tx, cmd *logv1.DeleteRange) (*logv1.DeleteRangeResult, *logv1.Refusal) {
	previous := tx.DeleteKeys(cmd.GetKey(), cmd.GetRangeEnd())
	result := &logv1.DeleteRangeResult{Deleted: int64(len(previous))}
	if cmd.GetPrevious() {
		result.Previous = previous
	}
	if result.SizeVT() > maxAnswerBytes {
		return nil, answerTooLarge()
	}
	return result, nil
}

// Compact forgets the history before a revision. It takes no revision itself.
func Compact(tx Tx, cmd *logv1.Compact) (*logv1.CompactResult, *logv1.Refusal) {
	revision := Revision(cmd.GetRevision())
	if compacted := tx.Compacted(); revision <= compacted {
		refusal := refuse(logv1.Reason_REASON_COMPACTED,
			"revision %d is compacted already; the last compaction was to %d", revision, compacted)
		refusal.Revision = int64(compacted)
		return nil, refusal
	}
	if refusal := checkRevision(tx, cmd.GetRevision()); refusal != nil {
		return nil, refusal
	}
	return &logv1.CompactResult{RemovedVersions: tx.CompactTo(revision)}, nil
}

// GetRange is the query for keys.
func GetRange(r Reader, q *logv1.Range) (*logv1.RangeResult, *logv1.Refusal) {
	return r.Range(q)
}

// HashKeys is the query for a hash of the keys and their history as they were at a
// revision, by which replicas are compared.
func HashKeys(r Reader, q *logv1.HashKeys) (*logv1.HashKeysResult, *logv1.Refusal) {
	revision := Revision(q.GetRevision())
	if revision <= 0 {
		revision = r.Revision()
	} else if refusal := checkRevision(r, q.GetRevision()); refusal != nil {
		return nil, refusal
	}
	return &logv1.HashKeysResult{
		Hash:              r.HashKeys(revision),
		Revision:          int64(revision),
		CompactedRevision: int64(r.Compacted()),
	}, nil
}

// checkRevision tells why a revision cannot be read in a transaction; 0 is the
// current one. As with etcd, one below 0 counts as older than any compaction.
func checkRevision(r Reader, revision int64) *logv1.Refusal {
	if current := int64(r.Revision()); revision > current {
		refusal := refuse(logv1.Reason_REASON_FUTURE_REVISION,
			"revision %d is not written yet; the current one is %d", revision, current)
		refusal.Revision = current
		return refusal
	}
	if revision == 0 {
		return nil
	}
	if compacted := int64(r.Compacted()); revision < compacted {
		refusal := refuse(logv1.Reason_REASON_COMPACTED,
			"revision %d is compacted; the first readable one is %d", revision, compacted)
		refusal.Revision = compacted
		return refusal
	}
	return nil
}
