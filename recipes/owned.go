package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// ownedKind says what a session owns. The numbers are on disk, and their order
// is the order in which a session's end releases things: locks first.
type ownedKind byte

const (
	ownedMutex     ownedKind = 1 // name
	ownedTerm      ownedKind = 2 // name
	ownedClaim     ownedKind = 3 // queue name, job u64
	ownedMutexWait ownedKind = 4 // name, ticket i64
	ownedCandidacy ownedKind = 5 // name, ticket i64
	ownedQueueWait ownedKind = 6 // queue name, ticket i64
	ownedInstance  ownedKind = 7 // service name, id name
)

// ownedKey returns the key that lists a possession of a lease. columns are the
// kind's columns, already encoded.
func ownedKey(r Reader, leaseID int64, kind ownedKind, columns []byte) []byte {
	key := keys.I64(keys.Prefix(r.Namespace(), keys.LeaseOwns), leaseID)
	return append(keys.U8(key, byte(kind)), columns...)
}

// own lists a possession under its session.
func own(tx Tx, leaseID int64, kind ownedKind, columns []byte) {
	tx.Set(ownedKey(tx, leaseID, kind, columns), []byte{})
}

// disown takes it off the list.
func disown(tx Tx, leaseID int64, kind ownedKind, columns []byte) {
	tx.Delete(ownedKey(tx, leaseID, kind, columns))
}

// nameColumn encodes the column of an ownedMutex, ownedTerm and the like.
func nameColumn(name string) []byte { return keys.Name(nil, name) }

// ticketColumns encodes the columns of a wait.
func ticketColumns(name string, ticket int64) []byte {
	return keys.I64(keys.Name(nil, name), ticket)
}

// jobColumns encodes the columns of a claim.
func jobColumns(queue string, jobID uint64) []byte {
	return keys.U64(keys.Name(nil, queue), jobID)
}

// instanceColumns encodes the columns of a registered instance.
func instanceColumns(service, id string) []byte {
	return keys.Name(keys.Name(nil, service), id)
}

// ownedColumns reads the columns of any kind: a name, and a second column that
// is a number (ticket or job) or a name, as the kind has it.
func ownedColumns(kind ownedKind, columns []byte) (name string, number uint64, second string) {
	name, rest, err := keys.ReadName(columns)
	if err == nil {
		switch kind {
		case ownedMutexWait, ownedCandidacy, ownedQueueWait:
			var ticket int64
			ticket, _, err = keys.ReadI64(rest)
			number = uint64(ticket)
		case ownedClaim:
			number, _, err = keys.ReadU64(rest)
		case ownedInstance:
			second, _, err = keys.ReadName(rest)
		}
	}
	if err != nil {
		panic(fmt.Sprintf("recipes: possession %x: %v", columns, err))
	}
	return name, number, second
}

// releaseOwned releases everything that a session owns, in the order of the
// kinds, and returns how many things that were. cause is "session expired" or
// "session closed"; a clean end skips lock-delays.
func releaseOwned(tx Tx, leaseID int64, cause string, clean bool) int64 {
	from := keys.I64(keys.Prefix(tx.Namespace(), keys.LeaseOwns), leaseID)
	var owned [][]byte
	tx.Scan(from, keys.After(from), func(key, _ []byte) bool {
		owned = append(owned, key[len(from):])
		return true
	})
	for _, entry := range owned {
		kind := ownedKind(entry[0])
		name, number, second := ownedColumns(kind, entry[1:])
		disown(tx, leaseID, kind, entry[1:])
		switch kind {
		case ownedMutex:
			loseMutex(tx, name, leaseID, cause, clean)
		case ownedTerm:
			loseTerm(tx, name, leaseID, cause)
		case ownedClaim:
			loseClaim(tx, name, number, leaseID, cause)
		case ownedMutexWait:
			dropMutexWaiter(tx, name, int64(number), logv1.TicketOutcome_TICKET_OUTCOME_SESSION_LOST, cause)
		case ownedCandidacy:
			dropCandidate(tx, name, int64(number), logv1.TicketOutcome_TICKET_OUTCOME_SESSION_LOST, cause)
		case ownedQueueWait:
			dropQueueWaiter(tx, name, int64(number), logv1.TicketOutcome_TICKET_OUTCOME_SESSION_LOST, cause)
		case ownedInstance:
			loseInstance(tx, name, second, leaseID, cause)
		default:
			panic(fmt.Sprintf("recipes: lease %d owns a thing of unknown kind %d", leaseID, kind))
		}
	}
	return int64(len(owned))
}
