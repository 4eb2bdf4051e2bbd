package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// timerKind says which rule a persisted timer belongs to. Numbers are on disk.
type timerKind byte

const (
	timerMutexDelay   timerKind = 1  // name: the lock-delay ends
	timerMutexWait    timerKind = 2  // name, ticket i64: the wait bound passes
	timerCampaignWait timerKind = 3  // name, ticket i64
	timerClaim        timerKind = 4  // queue name, job u64: the claim ends
	timerJobReady     timerKind = 5  // queue name, job u64: the delay ends
	timerQueueWait    timerKind = 6  // queue name, ticket i64
	timerJobForget    timerKind = 7  // queue name, job u64: a done job goes
	timerTicketForget timerKind = 8  // ticket i64
	timerDedupeClient timerKind = 9  // client name: idle for too long?
	timerMutexBreak   timerKind = 10 // name: a forced break is forgotten
	timerHandOver     timerKind = 11 // name: a hand-over is forgotten
)

// maxSpan bounds every span of time that a command may ask for, so that
// adding it to the clock cannot overflow. Ten years.
const maxSpan = 10 * 365 * 24 * 60 * 60 * 1000

// later returns the clock of ms from now.
func later(r Reader, ms int64) Clock {
	return r.Clock() + Clock(min(max(ms, 0), maxSpan))
}

// timerKey returns the key of a persisted timer.
func timerKey(r Reader, due Clock, kind timerKind, columns []byte) []byte {
	key := keys.I64(keys.Prefix(r.Namespace(), keys.Timer), int64(due))
	return append(keys.U8(key, byte(kind)), columns...)
}

// setTimer arms a timer. The same (due, kind, columns) armed twice is one timer.
func setTimer(tx Tx, due Clock, kind timerKind, columns []byte) {
	tx.Set(timerKey(tx, due, kind, columns), []byte{})
}

// clearTimer disarms a timer that setTimer armed with the same arguments.
func clearTimer(tx Tx, due Clock, kind timerKind, columns []byte) {
	tx.Delete(timerKey(tx, due, kind, columns))
}

// NextDue returns when the first timer of the reader's namespace is due, and
// false if there is none. It looks at hot and derived tables only.
func NextDue(r Reader) (Clock, bool) {
	due, found := firstDue(r, keys.Timer)
	if lease, ok := firstDue(r, keys.DerivedTimer); ok && (!found || lease < due) {
		due, found = lease, true
	}
	return due, found
}

func firstDue(r Reader, table keys.Table) (due Clock, found bool) {
	prefix := keys.Prefix(r.Namespace(), table)
	r.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		at, _, err := keys.ReadI64(key[len(prefix):])
		if err != nil {
			panic(fmt.Sprintf("recipes: timer key %x: %v", key, err))
		}
		due, found = Clock(at), true
		return false
	})
	return due, found
}

// dueTimer is one timer whose time has come.
type dueTimer struct {
	key     []byte
	due     Clock
	columns []byte // after the due time: kind and its columns, or the lease
}

// takeDue collects up to limit due timers of a table in order.
func takeDue(tx Tx, table keys.Table, limit int) []dueTimer {
	prefix := keys.Prefix(tx.Namespace(), table)
	end := keys.I64(keys.Prefix(tx.Namespace(), table), int64(tx.Clock())+1)
	var timers []dueTimer
	tx.Scan(prefix, end, func(key, _ []byte) bool {
		if len(timers) == limit {
			return false
		}
		due, rest, err := keys.ReadI64(key[len(prefix):])
		if err != nil {
			panic(fmt.Sprintf("recipes: timer key %x: %v", key, err))
		}
		timers = append(timers, dueTimer{key: key, due: Clock(due), columns: rest})
		return true
	})
	return timers
}

// ExpireTimers ends what is due: leases first, then the other timers, each in
// order of its due time (promises T1, T4).
//
// Within one such command nothing is granted twice, so no token is (promise
// R2): leases come first, nothing is granted to a session whose lease is due,
// and the timers after them end no session.
func ExpireTimers(tx Tx, cmd *logv1.ExpireTimers) (*logv1.ExpireTimersResult, *logv1.Refusal) {
	limit := int(cmd.GetLimit())
	if limit <= 0 {
		limit = 1000
	}
	leases := takeDue(tx, keys.DerivedTimer, limit)
	expired := expireLeases(tx, leases)
	timers := takeDue(tx, keys.Timer, limit-len(leases))
	for _, timer := range timers {
		// A rule that ran for an earlier timer may have disarmed this one.
		if tx.Get(timer.key) == nil {
			continue
		}
		tx.Delete(timer.key)
		fire(tx, timer)
	}
	due, found := NextDue(tx)
	return &logv1.ExpireTimersResult{
		Fired: int32(len(leases) + len(timers)),
		More:  found && due <= tx.Clock(),

		ExpiredLeaseIds: expired,
	}, nil
}

// fire runs the rule that a timer belongs to.
func fire(tx Tx, timer dueTimer) {
	kind, columns := timerKind(timer.columns[0]), timer.columns[1:]
	timedOut := logv1.TicketOutcome_TICKET_OUTCOME_TIMED_OUT
	switch kind {
	case timerMutexDelay:
		endLockDelay(tx, timerName(columns))
	case timerMutexWait:
		name, ticket := timerTicket(columns)
		dropMutexWaiter(tx, name, ticket, timedOut, "")
	case timerCampaignWait:
		name, ticket := timerTicket(columns)
		dropCandidate(tx, name, ticket, timedOut, "")
	case timerQueueWait:
		name, ticket := timerTicket(columns)
		dropQueueWaiter(tx, name, ticket, timedOut, "")
	case timerClaim:
		queue, job := timerJob(columns)
		expireClaim(tx, queue, job, timer.due)
	case timerJobReady:
		queue, job := timerJob(columns)
		endJobDelay(tx, queue, job, timer.due)
	case timerJobForget:
		queue, job := timerJob(columns)
		forgetJob(tx, queue, job)
	case timerTicketForget:
		ticket, _, err := keys.ReadI64(columns)
		if err != nil {
			panic(fmt.Sprintf("recipes: ticket timer %x: %v", columns, err))
		}
		forgetTicket(tx, ticket)
	case timerDedupeClient:
		expireDedupeClient(tx, timerName(columns))
	case timerMutexBreak:
		forgetBreak(tx, timerName(columns), timer.due)
	case timerHandOver:
		forgetHandOver(tx, timerName(columns), timer.due)
	default:
		panic(fmt.Sprintf("recipes: timer of unknown kind %d", kind))
	}
}

func timerName(columns []byte) string {
	name, _, err := keys.ReadName(columns)
	if err != nil {
		panic(fmt.Sprintf("recipes: timer columns %x: %v", columns, err))
	}
	return name
}

func timerTicket(columns []byte) (string, int64) {
	name, rest, err := keys.ReadName(columns)
	if err != nil {
		panic(fmt.Sprintf("recipes: timer columns %x: %v", columns, err))
	}
	ticket, _, err := keys.ReadI64(rest)
	if err != nil {
		panic(fmt.Sprintf("recipes: timer columns %x: %v", columns, err))
	}
	return name, ticket
}

func timerJob(columns []byte) (string, uint64) {
	queue, rest, err := keys.ReadName(columns)
	if err != nil {
		panic(fmt.Sprintf("recipes: timer columns %x: %v", columns, err))
	}
	job, _, err := keys.ReadU64(rest)
	if err != nil {
		panic(fmt.Sprintf("recipes: timer columns %x: %v", columns, err))
	}
	return queue, job
}
