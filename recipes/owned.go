package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// ownedKind says what a session owns. The numbers are on disk, and their order
// is the order in which a session's end releases holds: locks first.
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

// isWait reports whether a kind is a place in a line rather than a thing.
func (k ownedKind) isWait() bool {
	return k == ownedMutexWait || k == ownedCandidacy || k == ownedQueueWait
}

// ownedBy collects the kinds and columns of what a lease owns.
func ownedBy(r Reader, leaseID int64, limit int) [][]byte {
	prefix := keys.I64(keys.Prefix(r.Namespace(), keys.LeaseOwns), leaseID)
	var owned [][]byte
	r.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		owned = append(owned, key[len(prefix):])
		return limit <= 0 || len(owned) < limit
	})
	return owned
}

// waitOf returns the ticket with which a session waits in a line, 0 if it
// does not.
func waitOf(r Reader, leaseID int64, kind ownedKind, name string) (ticket int64) {
	prefix := ownedKey(r, leaseID, kind, nameColumn(name))
	r.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		var err error
		if ticket, _, err = keys.ReadI64(key[len(prefix):]); err != nil {
			panic(fmt.Sprintf("recipes: wait %x: %v", key, err))
		}
		return false
	})
	return ticket
}

// releaseOwned releases everything that a session owns and returns how many
// things that were. cause is "session expired" or "session closed"; a clean
// end skips lock-delays. The session's waits end first, then its holds, in the
// order of their kinds.
func releaseOwned(tx Tx, leaseID int64, cause string, clean bool) int64 {
	waits := dropWaits(tx, leaseID, cause)
	holds := ownedBy(tx, leaseID, 0)
	for _, entry := range holds {
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
		case ownedInstance:
			loseInstance(tx, name, second, leaseID, cause)
		default:
			panic(fmt.Sprintf("recipes: lease %d owns a thing of unknown kind %d", leaseID, kind))
		}
	}
	return waits + int64(len(holds))
}

// dropWaits ends every wait of a session and returns how many there were.
func dropWaits(tx Tx, leaseID int64, cause string) (dropped int64) {
	lost := logv1.TicketOutcome_TICKET_OUTCOME_SESSION_LOST
	for _, entry := range ownedBy(tx, leaseID, 0) {
		kind := ownedKind(entry[0])
		if !kind.isWait() {
			continue
		}
		name, ticket, _ := ownedColumns(kind, entry[1:])
		disown(tx, leaseID, kind, entry[1:])
		switch kind {
		case ownedMutexWait:
			if planted.Bug == planted.DeadWaiterGranted {
				continue
			}
			dropMutexWaiter(tx, name, int64(ticket), lost, cause)
		case ownedCandidacy:
			dropCandidate(tx, name, int64(ticket), lost, cause)
		case ownedQueueWait:
			dropQueueWaiter(tx, name, int64(ticket), lost, cause)
		}
		dropped++
	}
	return dropped
}

// describeOwned names a possession for a human, e.g. "mutex/invoice".
func describeOwned(entry []byte) string {
	kind := ownedKind(entry[0])
	name, number, second := ownedColumns(kind, entry[1:])
	switch kind {
	case ownedMutex:
		return "mutex/" + name
	case ownedTerm:
		return "election/" + name
	case ownedClaim:
		return fmt.Sprintf("queue/%s/job/%d", name, number)
	case ownedMutexWait:
		return "waits for mutex/" + name
	case ownedCandidacy:
		return "waits for election/" + name
	case ownedQueueWait:
		return "waits for queue/" + name
	case ownedInstance:
		return "service/" + name + "/" + second
	default:
		return fmt.Sprintf("unknown kind %d", kind)
	}
}
