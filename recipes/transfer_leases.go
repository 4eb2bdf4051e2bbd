package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

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
