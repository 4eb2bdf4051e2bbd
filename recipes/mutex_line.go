package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// This file moves a mutex from one holder to the next. What it costs does not
// depend on how many wait: the head of the line is one seek, a place in it is
// one record, and their number is kept in the mutex's own record.

func mutexKey(r Reader, name string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.Mutex), name)
}

// mutexLine is the prefix of the places in a mutex's line, in their order.
func mutexLine(r Reader, name string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.MutexWaiter), name)
}

func mutexWaiterKey(r Reader, name string, ticket int64) []byte {
	return keys.I64(mutexLine(r, name), ticket)
}

// loadMutex returns the record of a mutex; every name has a free mutex.
func loadMutex(r Reader, name string) *storagev1.MutexRecord {
	m := &storagev1.MutexRecord{}
	load(r, mutexKey(r, name), m)
	return m
}

// saveMutex writes the record of a mutex, or removes it when it says nothing.
func saveMutex(tx Tx, name string, m *storagev1.MutexRecord) {
	if mutexIsFree(m) && m.Waiting == 0 && m.DelayedUntilMs == 0 && m.LastBreak == nil {
		tx.Delete(mutexKey(tx, name))
		return
	}
	save(tx, mutexKey(tx, name), m)
}

func mutexIsFree(m *storagev1.MutexRecord) bool { return m.LeaseId == 0 }

// mutexTokenIs reports whether a token is that of the current hold: what the
// guard holds(mutex, token) of a transaction asks (promise R3).
func mutexTokenIs(r Reader, name string, token int64) bool {
	return checkMutexToken(loadMutex(r, name), token) == nil
}

// joinMutex gives a waiter the last place in line and returns its ticket.
func joinMutex(tx Tx, name string, m *storagev1.MutexRecord, waiter *storagev1.MutexWaiterRecord) int64 {
	ticket := openTicket(tx)
	save(tx, mutexWaiterKey(tx, name, ticket), waiter)
	own(tx, waiter.LeaseId, ownedMutexWait, ticketColumns(name, ticket))
	if waiter.UntilMs != 0 {
		setTimer(tx, Clock(waiter.UntilMs), timerMutexWait, ticketColumns(name, ticket))
	}
	m.Waiting++
	saveMutex(tx, name, m)
	return ticket
}

// leaveMutex takes a waiter out of the line, but does not save the mutex.
func leaveMutex(tx Tx, name string, m *storagev1.MutexRecord, waiter *storagev1.MutexWaiterRecord, ticket int64) {
	tx.Delete(mutexWaiterKey(tx, name, ticket))
	disown(tx, waiter.LeaseId, ownedMutexWait, ticketColumns(name, ticket))
	if waiter.UntilMs != 0 {
		clearTimer(tx, Clock(waiter.UntilMs), timerMutexWait, ticketColumns(name, ticket))
	}
	m.Waiting--
}

// dropMutexWaiter ends a wait that was not granted. It does nothing when there
// is no such wait any more.
func dropMutexWaiter(tx Tx, name string, ticket int64, outcome logv1.TicketOutcome, detail string) {
	var waiter storagev1.MutexWaiterRecord
	if !load(tx, mutexWaiterKey(tx, name, ticket), &waiter) {
		return
	}
	m := loadMutex(tx, name)
	leaveMutex(tx, name, m, &waiter, ticket)
	saveMutex(tx, name, m)
	closeTicket(tx, ticket, &storagev1.TicketRecord{Outcome: outcome, Detail: detail})
}

// holdMutex makes a waiter the holder. The token is the command's revision, so
// it is larger than every token before (promise R2).
func holdMutex(tx Tx, name string, m *storagev1.MutexRecord, waiter *storagev1.MutexWaiterRecord, ticket int64) {
	m.LeaseId = waiter.LeaseId
	token := int64(tx.NextRevision())
	if planted.Bug == planted.LocalTokens {
		// mutant_09 (fencing by the version of a key): a counter of the mutex alone
		// goes with its record and begins at 1 again, and who held the mutex long ago
		// passes the guard.
		token = m.Token + 1
	}
	m.Token = token
	m.Count = 1
	m.Card = stamped(tx, waiter.Card)
	m.LockDelayMs = waiter.LockDelayMs
	m.Ticket = ticket
	own(tx, m.LeaseId, ownedMutex, nameColumn(name))
}

// endHold frees a mutex and hands it to the first in line in the same commit
// (promise R1). When the hold did not end cleanly and asked for a lock-delay,
// the mutex stays free for that long instead.
func endHold(tx Tx, name string, m *storagev1.MutexRecord, clean bool) {
	delay := m.LockDelayMs
	tx.NextRevision()
	disown(tx, m.LeaseId, ownedMutex, nameColumn(name))
	retireTicket(tx, m.Ticket)
	m.LeaseId, m.Count, m.Card, m.LockDelayMs, m.Ticket = 0, 0, nil, 0, 0
	if planted.Bug != planted.LocalTokens {
		m.Token = 0
	}

	if !clean && delay > 0 {
		m.DelayedUntilMs = int64(later(tx, delay))
		setTimer(tx, Clock(m.DelayedUntilMs), timerMutexDelay, nameColumn(name))
	} else {
		grantNextHold(tx, name, m)
	}
	if planted.Bug == planted.ExpiryGrantsTwo && !clean && !mutexIsFree(m) {
		grantAlso(tx, name, m)
	}
	saveMutex(tx, name, m)
	emitMutex(tx, name, m)
}

// grantAlso is mutant_20 (as with ZooKeeper recipes that wake the whole line): when
// a holder is lost, the second in line is told the grant of the first.
func grantAlso(tx Tx, name string, m *storagev1.MutexRecord) {
	ticket, waiter := firstMutexWaiter(tx, name, m)
	if waiter == nil {
		return
	}
	leaveMutex(tx, name, m, waiter, ticket)
	closeTicket(tx, ticket, &storagev1.TicketRecord{
		Outcome: logv1.TicketOutcome_TICKET_OUTCOME_GRANTED,
		Token:   m.Token,
	})
}

// grantNextHold makes the first in line the holder. When nobody waits, or only
// sessions whose time is up, the mutex stays free.
func grantNextHold(tx Tx, name string, m *storagev1.MutexRecord) {
	ticket, waiter := firstMutexWaiter(tx, name, m)
	if waiter == nil {
		return
	}
	leaveMutex(tx, name, m, waiter, ticket)
	holdMutex(tx, name, m, waiter, ticket)
	closeTicket(tx, ticket, &storagev1.TicketRecord{
		Outcome: logv1.TicketOutcome_TICKET_OUTCOME_GRANTED,
		Token:   m.Token,
	})
}

// firstMutexWaiter returns the first in line whose session is alive, nil when
// there is none. One that is not alive cannot come back: it stays in line only
// until the command that ends it.
func firstMutexWaiter(r Reader, name string, m *storagev1.MutexRecord) (first int64, found *storagev1.MutexWaiterRecord) {
	if m.Waiting == 0 {
		return 0, nil
	}
	line := mutexLine(r, name)
	r.Scan(line, keys.After(line), func(key, value []byte) bool {
		ticket, waiter := mutexWaiterAt(line, key, value)
		// mutant_05 (etcd #11456): the next in line holds the mutex although its
		// session has ended; nobody will ever give it back.
		if leaseExists(r, waiter.GetLeaseId()) || planted.Bug == planted.DeadWaiterGranted {
			first, found = ticket, waiter
		}
		return found == nil
	})
	return first, found
}

// mutexWaiterAt decodes one place in line.
func mutexWaiterAt(line, key, value []byte) (int64, *storagev1.MutexWaiterRecord) {
	ticket, _, err := keys.ReadI64(key[len(line):])
	if err != nil {
		panic(fmt.Sprintf("recipes: mutex waiter key %x: %v", key, err))
	}
	waiter := &storagev1.MutexWaiterRecord{}
	decode(key, value, waiter)
	return ticket, waiter
}

// loseMutex ends the hold of a session that ends.
func loseMutex(tx Tx, name string, leaseID int64, cause string, clean bool) {
	m := loadMutex(tx, name)
	if m.LeaseId != leaseID {
		panic(fmt.Sprintf("recipes: lease %d owns mutex %q, which lease %d holds", leaseID, name, m.LeaseId))
	}
	emitLostMutex(tx, name, m, cause, "", "")
	endHold(tx, name, m, clean)
}

// endLockDelay hands on a mutex whose lock-delay has passed.
func endLockDelay(tx Tx, name string) {
	m := loadMutex(tx, name)
	if m.DelayedUntilMs == 0 || Clock(m.DelayedUntilMs) > tx.Clock() {
		return
	}
	leaveDelay(tx, name, m)
}

func leaveDelay(tx Tx, name string, m *storagev1.MutexRecord) {
	m.DelayedUntilMs = 0
	grantNextHold(tx, name, m)
	saveMutex(tx, name, m)
	if !mutexIsFree(m) {
		emitMutex(tx, name, m)
	}
}
