package recipes

import (
	"bytes"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// metaImport is the field of keys.Meta that holds the ImportRecord.
const metaImport = 0x12

const (
	// How long an import may keep leases from ending.
	maxHold = 24 * 60 * 60 * 1000
	// Tokens are revisions and have to fit into a JSON number (promise R2). This
	// leaves as many revisions above as nobody can use up.
	maxRevision = 1 << 52
)

func importKey(r Reader) []byte {
	return keys.U8(keys.Prefix(r.Namespace(), keys.Meta), metaImport)
}

// ImportKeys brings keys as another store has them. Its revisions, versions and
// leases become the namespace's own, so that whoever knows a revision from there can
// go on with it here.
func ImportKeys(tx Tx, cmd *logv1.ImportKeys) (*logv1.ImportKeysResult, *logv1.Refusal) {
	im := &importing{tx: tx, cmd: cmd, current: int64(tx.Revision()), result: &logv1.ImportKeysResult{}}
	im.known = load(tx, importKey(tx), &im.record)
	for _, step := range []func() *logv1.Refusal{im.check, im.leases, im.part, im.revisions} {
		if refusal := step(); refusal != nil {
			return nil, refusal
		}
	}
	im.endLeases()
	if im.moves() {
		im.record.Source = cmd.GetSource()
		im.record.Revision = int64(tx.Revision())
		save(tx, importKey(tx), &im.record)
	}
	return im.result, nil
}

// importing is one ImportKeys on its way.
type importing struct {
	tx  Tx
	cmd *logv1.ImportKeys
	// current is the namespace's revision before the command.
	current int64
	record  storagev1.ImportRecord
	known   bool
	result  *logv1.ImportKeysResult
}

// moves tells whether the command is about more than leases.
func (im *importing) moves() bool {
	return im.cmd.GetPart() != nil || len(im.cmd.GetRevisions()) > 0
}

// check looks at whether the namespace is what the import takes it for. Whoever else
// writes makes it another one: copying on would mix two histories.
func (im *importing) check() *logv1.Refusal {
	switch {
	case im.cmd.GetSource() == "":
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "an import names its source")
	case im.cmd.GetPart() != nil && len(im.cmd.GetRevisions()) > 0:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "an import is a part of a copy, or revisions that follow it, not both")
	case im.cmd.GetHoldMs() < 0 || im.cmd.GetHoldMs() > maxHold:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "leases are not held for %d ms but for 0 to %d ms", im.cmd.GetHoldMs(), maxHold)
	case !im.known && !im.cmd.GetPart().GetFirst():
		return im.conflict("nothing was imported yet; an import begins with the first part of a copy")
	case im.known && im.record.GetSource() != im.cmd.GetSource():
		return im.conflict("the namespace was imported from %s and not from %s", im.record.GetSource(), im.cmd.GetSource())
	case !im.moves():
		return nil
	case im.known && im.record.GetRevision() != im.current:
		return im.conflict("the namespace was imported up to revision %d and is at %d now: somebody has written to it since, or leases ran out",
			im.record.GetRevision(), im.current)
	case im.cmd.GetExpectedRevision() != im.current:
		return im.conflict("the namespace is at revision %d and not at %d", im.current, im.cmd.GetExpectedRevision())
	}
	return nil
}

// leases grants leases, or gives them their full TTL again.
func (im *importing) leases() *logv1.Refusal {
	for _, lease := range im.cmd.GetLeases() {
		id, ttl := lease.GetLeaseId(), lease.GetTtlMs()
		term, found := loadDeadline(im.tx, id)
		switch {
		case id == 0:
			return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a lease id is not 0")
		case ttl < minTTL || ttl > maxTTL:
			return refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
				"a TTL of %d ms is not between %d and %d ms", ttl, minTTL, int64(maxTTL))
		case found && !im.known:
			return refuse(logv1.Reason_REASON_LEASE_EXISTS, "lease %d exists and was not imported", id)
		case found && !leaseExists(im.tx, id):
			return noLease(id) // its keys are about to go
		}
		im.keepLease(id, ttl, term, found)
	}
	return nil
}

// keepLease makes a lease, or moves its deadline.
func (im *importing) keepLease(id, ttl int64, term leaseTerm, found bool) {
	var rec storagev1.LeaseRecord
	if found {
		im.tx.Delete(leaseTimerKey(im.tx, term.deadline, id))
		load(im.tx, leaseKey(im.tx, id), &rec)
		term.renewals++
	} else {
		rec.Card = stamped(im.tx, &logv1.Card{Purpose: "imported from " + im.cmd.GetSource()})
		rec.GrantedMs = int64(im.tx.Clock())
	}
	if rec.GetTtlMs() != ttl {
		rec.TtlMs = ttl
		save(im.tx, leaseKey(im.tx, id), &rec)
	}
	term.deadline = im.tx.Clock() + Clock(ttl+im.cmd.GetHoldMs())
	setDeadline(im.tx, id, term)
}

// part takes the next part of a copy, or begins another copy with its first part.
func (im *importing) part() *logv1.Refusal {
	part := im.cmd.GetPart()
	if part == nil {
		return nil
	}
	if refusal := im.checkPart(part); refusal != nil {
		return refusal
	}
	if part.GetFirst() {
		im.tx.Restart(Revision(part.GetRevision()))
	}
	im.result.Deleted += im.tx.SwapKeys(part.GetKey(), part.GetRangeEnd(), part.GetKeys())
	im.result.Put += int64(len(part.GetKeys()))
	im.record.Complete, im.record.Next = part.GetLast(), part.GetRangeEnd()
	return nil
}

func (im *importing) checkPart(part *logv1.ImportPart) *logv1.Refusal {
	if !part.GetFirst() {
		switch {
		case im.record.GetComplete():
			return im.conflict("the copy is complete")
		case part.GetRevision() != im.current:
			return im.conflict("the copy is of revision %d and not of %d", im.current, part.GetRevision())
		case !bytes.Equal(part.GetKey(), im.record.GetNext()):
			return im.conflict("the copy goes on from key %q and not from %q", im.record.GetNext(), part.GetKey())
		}
		return im.checkKeys(part)
	}
	fresh := im.current == 1
	switch {
	case !im.known && hasKeys(im.tx):
		return im.about(logv1.Reason_REASON_NAMESPACE_NOT_EMPTY, "the namespace has keys of its own")
	case part.GetRevision() < im.current, part.GetRevision() == im.current && !im.known && !fresh:
		return im.conflict("the namespace is at revision %d already, and the copy is of %d", im.current, part.GetRevision())
	case part.GetRevision() > maxRevision:
		return beyond(part.GetRevision())
	}
	return im.checkKeys(part)
}

// checkKeys looks at whether the keys of a part can be those of its range at its
// revision.
func (im *importing) checkKeys(part *logv1.ImportPart) *logv1.Refusal {
	from, to := part.GetKey(), part.GetRangeEnd()
	if len(from) == 0 || len(to) == 0 {
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a part of a copy has a key and a range end")
	}
	unbounded := bytes.Equal(to, []byte{0})
	for _, kv := range part.GetKeys() {
		switch key := kv.GetKey(); {
		case bytes.Compare(key, from) < 0 || !unbounded && bytes.Compare(key, to) >= 0:
			return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "key %q is out of order, or not in the range of its part", key)
		case kv.GetModRevision() > part.GetRevision():
			return refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
				"key %q is of revision %d, after that of the copy, %d", key, kv.GetModRevision(), part.GetRevision())
		}
		if refusal := im.checkKey(kv); refusal != nil {
			return refusal
		}
		from = append(bytes.Clone(kv.GetKey()), 0)
	}
	return nil
}

// checkKey looks at whether a version of a key makes sense by itself.
func (im *importing) checkKey(kv *logv1.KeyValue) *logv1.Refusal {
	create, mod, version := kv.GetCreateRevision(), kv.GetModRevision(), kv.GetVersion()
	switch {
	case len(kv.GetKey()) == 0:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a key has at least one byte")
	case create < 1 || mod < create || version < 1 || version > mod-create+1:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
			"key %q cannot be created at revision %d, changed at %d and be at version %d", kv.GetKey(), create, mod, version)
	case kv.GetLeaseId() != 0 && !leaseExists(im.tx, kv.GetLeaseId()):
		return noLease(kv.GetLeaseId())
	}
	return nil
}

// endLeases takes away leases that have ended in the other store, as far as nothing
// depends on them here.
func (im *importing) endLeases() {
	for _, id := range im.cmd.GetEndedLeaseIds() {
		term, found := loadDeadline(im.tx, id)
		if !found {
			continue
		}
		if len(ownedBy(im.tx, id, 1)) > 0 || len(attachedKeys(im.tx, id)) > 0 {
			im.result.KeptLeaseIds = append(im.result.KeptLeaseIds, id)
			continue
		}
		im.tx.Delete(leaseTimerKey(im.tx, term.deadline, id))
		endLease(im.tx, id, leaseEnd{event: "revoked", session: "session closed", clean: true,
			reason: "it ended in " + im.cmd.GetSource()})
	}
}

func beyond(revision int64) *logv1.Refusal {
	return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "revision %d is above %d, the highest that can be imported", revision, int64(maxRevision))
}

// conflict says that the namespace is not what the import takes it for.
func (im *importing) conflict(format string, args ...any) *logv1.Refusal {
	return im.about(logv1.Reason_REASON_IMPORT_CONFLICT, format, args...)
}

func (im *importing) about(reason logv1.Reason, format string, args ...any) *logv1.Refusal {
	refusal := refuse(reason, format, args...)
	refusal.Revision = im.current
	return refusal
}

// hasKeys tells whether there are any keys.
func hasKeys(r Reader) bool {
	page, _ := r.Export(&logv1.ExportKeys{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 1})
	return len(page.GetKvs()) > 0
}

// GetImport answers how far the namespace was imported.
func GetImport(r Reader, _ *logv1.GetImport) (*logv1.GetImportResult, *logv1.Refusal) {
	var rec storagev1.ImportRecord
	load(r, importKey(r), &rec)
	return &logv1.GetImportResult{
		Source: rec.GetSource(), Revision: rec.GetRevision(), Complete: rec.GetComplete(),
	}, nil
}

// ExportKeys answers with a page of keys.
func ExportKeys(r Reader, q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal) {
	return r.Export(q)
}
