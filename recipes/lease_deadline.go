package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
)

// leaseTerm is the part of a lease that renewals change. Its record is two
// 64-bit columns, not a message, because it is written at every renewal.
type leaseTerm struct {
	deadline Clock
	renewals uint64
}

func leaseKey(r Reader, leaseID int64) []byte {
	return keys.I64(keys.Prefix(r.Namespace(), keys.Lease), leaseID)
}

func deadlineKey(r Reader, leaseID int64) []byte {
	return keys.I64(keys.Prefix(r.Namespace(), keys.LeaseDeadline), leaseID)
}

// leaseTimerKey is the key of a lease's derived timer.
func leaseTimerKey(r Reader, deadline Clock, leaseID int64) []byte {
	return keys.I64(keys.I64(keys.Prefix(r.Namespace(), keys.DerivedTimer), int64(deadline)), leaseID)
}

// setDeadline writes a lease's deadline and arms its timer. The caller has
// disarmed the timer of the deadline before.
func setDeadline(tx Tx, leaseID int64, term leaseTerm) {
	value := keys.I64(make([]byte, 0, 16), int64(term.deadline))
	tx.Set(deadlineKey(tx, leaseID), keys.U64(value, term.renewals))
	tx.Set(leaseTimerKey(tx, term.deadline, leaseID), []byte{})
}

func loadDeadline(r Reader, leaseID int64) (leaseTerm, bool) {
	key := deadlineKey(r, leaseID)
	value := r.Get(key)
	if value == nil {
		return leaseTerm{}, false
	}
	return decodeTerm(key, value), true
}

func decodeTerm(key, value []byte) leaseTerm {
	deadline, rest, err := keys.ReadI64(value)
	if err != nil {
		panic(fmt.Sprintf("recipes: lease deadline at key %x: %v", key, err))
	}
	renewals, _, err := keys.ReadU64(rest)
	if err != nil {
		panic(fmt.Sprintf("recipes: lease deadline at key %x: %v", key, err))
	}
	return leaseTerm{deadline: Clock(deadline), renewals: renewals}
}

// leaseExists reports whether a lease is alive. One whose deadline has passed
// is not, although the command that ends it may still be under way: a TTL is
// exact (promise T3).
func leaseExists(r Reader, leaseID int64) bool {
	term, found := loadDeadline(r, leaseID)
	return found && term.deadline > r.Clock()
}

// leaseDeadline returns when a lease ends if it is not renewed.
func leaseDeadline(r Reader, leaseID int64) (Clock, bool) {
	term, found := loadDeadline(r, leaseID)
	return term.deadline, found
}

// expiresIn returns the milliseconds until a lease's deadline, at least 0.
func expiresIn(r Reader, leaseID int64) int64 {
	deadline, found := leaseDeadline(r, leaseID)
	if !found {
		return 0
	}
	return max(0, int64(deadline-r.Clock()))
}
