package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

const (
	// A TTL below this renews more often than a commit takes.
	minTTL = 100
	// etcd's longest TTL, 9,000,000,000 seconds.
	maxTTL = 9_000_000_000_000
	// How many possessions of a lease a query lists.
	ownsShown = 100
)

// GrantLease makes a lease.
func GrantLease(tx Tx, cmd *logv1.GrantLease) (*logv1.GrantLeaseResult, *logv1.Refusal) {
	leaseID, ttl := cmd.GetLeaseId(), cmd.GetTtlMs()
	switch {
	case leaseID == 0:
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a lease id is not 0")
	case ttl < minTTL || ttl > maxTTL:
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
			"a TTL of %d ms is not between %d and %d ms", ttl, minTTL, int64(maxTTL))
	case tx.Get(leaseKey(tx, leaseID)) != nil:
		return nil, refuse(logv1.Reason_REASON_LEASE_EXISTS, "lease %d exists", leaseID)
	}

	save(tx, leaseKey(tx, leaseID), &storagev1.LeaseRecord{
		TtlMs:     ttl,
		Card:      stamped(tx, cmd.GetCard()),
		GrantedMs: int64(tx.Clock()),
	})
	setDeadline(tx, leaseID, leaseTerm{deadline: tx.Clock() + Clock(ttl)})
	return &logv1.GrantLeaseResult{LeaseId: leaseID, TtlMs: ttl}, nil
}

// RenewLease moves a lease's deadline to a full TTL from now. It writes
// nothing but the deadline, because renewals are most of what a cluster does.
func RenewLease(tx Tx, cmd *logv1.RenewLease) (*logv1.RenewLeaseResult, *logv1.Refusal) {
	leaseID := cmd.GetLeaseId()
	if !leaseExists(tx, leaseID) {
		return nil, noLease(leaseID)
	}
	var rec storagev1.LeaseRecord
	load(tx, leaseKey(tx, leaseID), &rec)
	term, _ := loadDeadline(tx, leaseID)

	tx.Delete(leaseTimerKey(tx, term.deadline, leaseID))
	setDeadline(tx, leaseID, leaseTerm{
		deadline: tx.Clock() + Clock(rec.GetTtlMs()),
		renewals: term.renewals + 1,
	})
	return &logv1.RenewLeaseResult{TtlMs: rec.GetTtlMs()}, nil
}

// RevokeLease ends a lease and everything that it owns. That is a clean end:
// it starts no lock-delay.
func RevokeLease(tx Tx, cmd *logv1.RevokeLease) (*logv1.RevokeLeaseResult, *logv1.Refusal) {
	term, found := loadDeadline(tx, cmd.GetLeaseId())
	if !found {
		return nil, noLease(cmd.GetLeaseId())
	}
	tx.Delete(leaseTimerKey(tx, term.deadline, cmd.GetLeaseId()))
	released := endLease(tx, cmd.GetLeaseId(), leaseEnd{
		event: "revoked", session: "session closed", reason: cmd.GetReason(), clean: true,
	})
	return &logv1.RevokeLeaseResult{Released: released}, nil
}

// expireLeases ends the leases whose timers are due, unless they were renewed
// since (promise T4). All their waits end before the first of their holds, so
// that the search for the next in line does not pass them one by one. It returns
// the leases that ended.
func expireLeases(tx Tx, timers []dueTimer) []int64 {
	var ended []int64
	for _, timer := range timers {
		leaseID, _, err := keys.ReadI64(timer.columns)
		if err != nil {
			panic(fmt.Sprintf("recipes: lease timer %x: %v", timer.key, err))
		}
		tx.Delete(timer.key)
		if term, found := loadDeadline(tx, leaseID); found && term.deadline <= tx.Clock() {
			ended = append(ended, leaseID)
		}
	}
	for _, leaseID := range ended {
		dropWaits(tx, leaseID, "session expired")
	}
	for _, leaseID := range ended {
		endLease(tx, leaseID, leaseEnd{event: "expired", session: "session expired"})
	}
	return ended
}

// leaseEnd says how a lease ends.
type leaseEnd struct {
	event   string // the cause as LeaseEvent has it
	session string // the cause as the things that it owned have it
	reason  string
	clean   bool
}

// endLease removes a lease, releases what its session owns and deletes the
// keys that are attached to it, all in the command's one revision. It returns
// how many things and keys went. The caller has disarmed the timer.
func endLease(tx Tx, leaseID int64, end leaseEnd) int64 {
	// The lease goes first: whatever is granted next sees that it is gone.
	tx.Delete(leaseKey(tx, leaseID))
	tx.Delete(deadlineKey(tx, leaseID))

	released := releaseOwned(tx, leaseID, end.session, end.clean)
	for _, key := range attachedKeys(tx, leaseID) {
		released += int64(len(tx.DeleteKeys(key, nil)))
	}
	tx.Emit(&logv1.Event{Body: &logv1.Event_Lease{Lease: &logv1.LeaseEvent{
		LeaseId: leaseID, Cause: end.event, Reason: end.reason,
	}}})
	return released
}

// Rebuild makes the derived timers of the reader's namespace from the lease
// deadlines. A replica calls it for each namespace when it opens or recovers.
func Rebuild(tx Tx) {
	prefix := keys.Prefix(tx.Namespace(), keys.LeaseDeadline)
	var timers [][]byte
	tx.Scan(prefix, keys.After(prefix), func(key, value []byte) bool {
		leaseID, _, err := keys.ReadI64(key[len(prefix):])
		if err != nil {
			panic(fmt.Sprintf("recipes: lease deadline key %x: %v", key, err))
		}
		timers = append(timers, leaseTimerKey(tx, decodeTerm(key, value).deadline, leaseID))
		return true
	})
	for _, timer := range timers {
		tx.Set(timer, []byte{})
	}
}

// GetLease answers for one lease.
func GetLease(r Reader, q *logv1.GetLease) (*logv1.GetLeaseResult, *logv1.Refusal) {
	if !leaseExists(r, q.GetLeaseId()) {
		return nil, noLease(q.GetLeaseId())
	}
	info := leaseInfo(r, q.GetLeaseId())
	if q.GetKeys() {
		info.Keys = attachedKeys(r, q.GetLeaseId())
	}
	return &logv1.GetLeaseResult{Lease: info}, nil
}

// ListLeases answers for the leases of a namespace, by id.
func ListLeases(r Reader, q *logv1.ListLeases) (*logv1.ListLeasesResult, *logv1.Refusal) {
	page := newPage(q.GetLimit())
	prefix := keys.Prefix(r.Namespace(), keys.LeaseDeadline)
	from := prefix
	if q.GetAfterLeaseId() != 0 {
		from = keys.After(deadlineKey(r, q.GetAfterLeaseId()))
	}
	result := &logv1.ListLeasesResult{}
	r.Scan(from, keys.After(prefix), func(key, value []byte) bool {
		if decodeTerm(key, value).deadline <= r.Clock() {
			return true
		}
		if !page.take() {
			result.More = true
			return false
		}
		leaseID, _, _ := keys.ReadI64(key[len(prefix):])
		result.Leases = append(result.Leases, leaseInfo(r, leaseID))
		return true
	})
	return result, nil
}

func leaseInfo(r Reader, leaseID int64) *logv1.LeaseInfo {
	var rec storagev1.LeaseRecord
	load(r, leaseKey(r, leaseID), &rec)
	info := &logv1.LeaseInfo{
		LeaseId:     leaseID,
		TtlMs:       rec.GetTtlMs(),
		RemainingMs: expiresIn(r, leaseID),
		Card:        rec.GetCard(),
	}
	for _, entry := range ownedBy(r, leaseID, ownsShown) {
		info.Owns = append(info.Owns, describeOwned(entry))
	}
	return info
}

// attachedKeys returns the KV keys that end with a lease, in order.
func attachedKeys(r Reader, leaseID int64) [][]byte {
	prefix := keys.I64(keys.Prefix(r.Namespace(), keys.LeaseKeys), leaseID)
	var attached [][]byte
	r.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		attached = append(attached, key[len(prefix):])
		return true
	})
	return attached
}

func noLease(leaseID int64) *logv1.Refusal {
	return refuse(logv1.Reason_REASON_LEASE_NOT_FOUND, "lease %d does not exist or has ended", leaseID)
}
