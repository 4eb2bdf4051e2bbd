package check

import (
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkRefusals proves that every refusal has a reason that this kind of call may be
// refused with, and where the history can tell, that the reason was true:
//
//   - a namespace is only said not to be there if it may have been dropped, which
//     "default" never is, and dropping or creating again only says what an earlier
//     try of unknown outcome may have done;
//   - a past that is forgotten, or a future, is only found by who asked for one (that
//     it is the past or the future is for compactions to say);
//   - a session holds or waits already only if it may not have let go;
//   - room is only missing for what needs some, and when a disk was filled.
//
// Reasons that say that nothing was decided may come at any time. Whether a refused
// call had an effect is for the other checkers. That a lease, a token, a receipt or a
// job was really over is proved by lease, token, locks and queue.
func checkRefusals(b *book, t *tally) {
	f := &refuser{book: b, tally: t, lives: b.lives()}
	f.collect()
	for i := range b.records {
		if r := &b.records[i]; r.Outcome == history.Refused {
			f.judge(i, r)
		}
	}
}

// noDecision are the reasons that say that nothing was decided.
var noDecision = []string{"NO_QUORUM", "OVERLOADED", "SHUTTING_DOWN", "UNAVAILABLE", "NOT_SENT"}

// Reasons that have a condition of their own.
const (
	noSpace         = "NO_SPACE"
	alreadyHeld     = "ALREADY_HELD"
	alreadyWaiting  = "ALREADY_WAITING"
	namespaceExists = "NAMESPACE_EXISTS"
	jobNotFound     = "JOB_NOT_FOUND"
	staleReceipt    = "STALE_RECEIPT"
)

// mayBeRefused has the other reasons that each kind of call may be refused with. A
// kind that is not here is only recorded when it was answered.
var mayBeRefused = map[history.Kind][]string{
	history.Txn:          {Compacted, Future, LeaseNotFound, NamespaceNotFound, jobNotFound, staleReceipt, noSpace},
	history.List:         {"COMPARE_FAILED", noSpace},
	history.LeaseGranted: {noSpace},
	history.LeaseRenewed: {LeaseNotFound},
	history.LeaseRevoked: {LeaseNotFound},
	history.LeaseSeen:    {LeaseNotFound},
	history.Acquired:     {"HELD", "WAIT_TIMEOUT", alreadyHeld, alreadyWaiting, LeaseNotFound, noSpace},
	history.Released:     {"NOT_HELD", "STALE_TOKEN"},
	history.OutsideWrite: {"STALE_TOKEN"},
	history.GuardedWrite: {GuardFailed, noSpace},
	history.Elected:      {"HELD", "WAIT_TIMEOUT", alreadyHeld, alreadyWaiting, LeaseNotFound, noSpace},
	history.Resigned:     {"STALE_TOKEN", "NO_LEADER"},
	history.Proclaimed:   {"STALE_TOKEN", "NO_LEADER", noSpace},
	history.Enqueued:     {"DUPLICATE", noSpace},
	history.Claimed:      {LeaseNotFound},
	history.Extended:     {jobNotFound, staleReceipt},
	history.Acked:        {jobNotFound, staleReceipt, noSpace}, // that with the write of a key
	history.Nacked:       {jobNotFound, staleReceipt},
	history.Incremented:  {noSpace},
	history.Registered:   {LeaseNotFound, noSpace},
	history.Deregistered: {"INSTANCE_NOT_FOUND"},
	history.Created:      {namespaceExists, noSpace},
	history.Dropped:      {NamespaceNotFound},
	history.Compacted:    {Compacted, Future},
}

func (f *refuser) judge(i int, r *history.Record) {
	f.checked(i)
	if slices.Contains(noDecision, r.Reason) {
		return
	}
	if !slices.Contains(mayBeRefused[r.Kind], r.Reason) {
		f.violation([]int{i}, "%v was refused as %q, which it cannot be", r.Kind, r.Reason)
		return
	}
	switch r.Reason {
	case NamespaceNotFound, namespaceExists:
		f.namespace(i, r)
	case alreadyHeld, alreadyWaiting:
		if !f.mayHold(r) {
			f.violation([]int{i}, "the session %d was told %s of %q, of which it had let go", r.Lease, r.Reason, r.Key)
		}
	case noSpace:
		if f.filled < 0 || f.book.records[f.filled].Call > r.Return {
			f.violation([]int{i}, "there was no room, although no disk was filled")
		} else if r.Kind == history.Txn && !changes(r) {
			f.violation([]int{i}, "there was no room for what changes nothing")
		}
	default:
		f.transaction(i, r)
	}
}

// transaction judges the reasons that depend on what is in a transaction.
func (f *refuser) transaction(i int, r *history.Record) {
	if r.Kind != history.Txn {
		return
	}
	var fits bool
	switch r.Reason {
	case Compacted:
		fits = r.At > 0
	case Future:
		fits = r.At > 0 || r.Serializable && r.Since > 0
	case LeaseNotFound:
		fits = leased(r)
	case jobNotFound, staleReceipt: // it was done together with the end of a job
		fits = r.Workload == history.Queues
	}
	if !fits {
		f.violation([]int{i}, "a transaction was refused as %q, of which there is nothing in it", r.Reason)
	}
}

// changes says whether a transaction may need room: to put something, or to delete it,
// which moves it to the history.
func changes(r *history.Record) bool {
	changing := func(op history.Op) bool { return op.Type == history.Put || op.Type == history.Delete }
	return slices.ContainsFunc(r.Then, changing) || slices.ContainsFunc(r.Else, changing)
}
