// Package history is what the clients of a run saw: one [Record] for each call
// that ended, event that arrived or fault that was put in, in a compact file that
// package check judges, also long afterwards.
//
// # Rules that every client keeps
//
//   - Times are by the monotonic clock of the one process in which all clients
//     live, since the run began: Call is taken right before the request is sent,
//     Return right after the answer is there. A record of an event has both equal.
//   - A value is written once in a run: "unique" below means that no other write
//     of the run, by whichever client, has the same value.
//   - The outcome Unknown is for mutations only. The client that got it retires:
//     its next record has another Client number, because its last call may still
//     take effect at any time later. A read that failed has no record.
//   - A refused call has what was asked in its record and the answer's part empty, but
//     for Revision: that of the refusal (compacted up to, or current), 0 = not told.
//     A transaction whose compares failed is OK and not Succeeded.
//   - A refusal is recorded with its Reason only where the service decided it
//     (compare failed, held, stale token, compacted); an error that says that
//     nothing was decided (unavailable, overloaded, deadline before it was sent)
//     is a Refused record with the reason of the service, and an effect of it
//     found later is a violation.
//
// # Records by workload
//
// Every record has Client, Workload, Kind, Call, Return, Outcome, Namespace; Via is
// how it was asked (SDK or Etcd) and Node the address that was asked, or "". Namespace
// is "default" or, for a namespace that is created and deleted in the run, NAME#N: N
// counts how often it was created. Revisions begin anew with each.
//
// Registers (and every key and transaction in namespaces of any workload):
//
//	Txn            If, Then, Else, Succeeded, Revision (of the answer's header)
//	               a single put, get, delete or compare-and-swap is a Txn with one
//	               operation. Ops have their results in Found and Deleted. At > 0:
//	               a read of that revision. Serializable: a local read, and Since
//	               the revision it may not be older than.
//
// Lists: Txn as above (what the server did), and one List record for the same call:
//
//	List           Micro: appends of unique elements and reads, in order
//
// Watches: Watcher is unique per stream of events as its user sees it, reconnects
// of the SDK included.
//
//	WatchOpened    Watcher, Key, End (range), From (start revision, 0 = from now),
//	               Filter, Previous, Revision (a revision that is surely not
//	               later than what the watch begins after; 0 = not known)
//	WatchEvent     Watcher, Revision, Events: all of one revision in one record
//	WatchProgress  Watcher, Revision
//	WatchEnded     Watcher, Reason, Revision (compacted at, when that is why)
//
// A revision is recorded when a later one or progress proved that it is whole. What
// was told of the newest one when a stream ended is not recorded. One that goes on
// after its WatchEnded has another WatchOpened with the same Watcher, where From is
// the last recorded revision (of an event or progress) + 1. Reason is CANCELED when
// its user ended it.
//
// The watcher of all keys that runs from the first revision to the end of the run is
// the log of a namespace: Truth is set on its WatchOpened records. Key and End are ""
// there and nothing is left out.
//
// Leases:
//
//	LeaseGranted   Lease, TTL
//	LeaseRenewed   Lease, TTL
//	LeaseRevoked   Lease
//	LeaseSeen      Lease, Left: the lease was there, or a key of it was read
//	LeaseGone      Lease: asked for, and not there, or its key was not there
//
// Mutexes:
//
//	Acquired       Key, Token, Lease, TTL. Refused: Reason (held, session lost)
//	Released       Key, Token
//	               Locks and elections of etcd's packages have names that begin with
//	               "line/": keys below it with a lease need no Txn of their own
//	HoldLost       Key, Token, Reason: the hold's context ended by itself
//	OutsideWrite   Key, Token, Value, Fenced: a write to the register outside,
//	               which refused it (Outcome) or took it; Lost says that a write
//	               of another holder was overwritten
//
// Guarded: GuardedWrite has Key (the mutex), Token, and the transaction's fields.
//
// Elections:
//
//	Elected        Key, Token (the term), Value, Lease, TTL
//	Resigned       Key, Token
//	TermLost       Key, Token, Reason
//	Proclaimed     Key, Token, Value, Revision
//	LeaderSeen     Key, Token (0 = nobody leads), Value, Revision;
//	               Watcher > 0: told to an observer, else read by a call
//
// Queues: job bodies are unique.
//
//	Enqueued       Key (queue), Value (body), Job, Revision
//	Claimed        Key, Value, Job, Token (receipt), Attempt, TTL (claimed for)
//	Extended       Key, Job, Token, TTL
//	Acked, Nacked  Key, Job, Token
//	ClaimLost      Key, Job, Token, Reason
//	Drained        Key, Value, Job: found in the queue when the run had ended, dead
//	               or alive
//
// Whoever leaves a hold, a term or a claim to itself on purpose records HoldLost,
// TermLost or ClaimLost, with a Reason, at the moment when it stops to care.
//
// Counters: blind puts of one key, whose version counts them.
//
//	Incremented    Key, Version (of the answer, 0 = not told), Revision
//	CounterRead    Key, Version, Revision
//
// Registry:
//
//	Registered     Key (service), Value (instance), Lease, TTL
//	Deregistered   Key, Value
//	InstancesSeen  Key, Values (instances, sorted), Revision; Watcher as above
//	LeaseGranted and LeaseRevoked of the session, and each LeaseRenewed, where its
//	owner sees them: else it is judged only up to an orderly Deregistered
//
// Namespaces:
//
//	Created        Key (name)
//	Dropped        Key
//	Txn in the namespace, as above. NamespaceGone: a call said so.
//
// Compactions:
//
//	Compacted      Revision (of the request), Namespace
//	Txn with At    reads of old revisions; Reason "COMPACTED" or "FUTURE_REVISION"
//
// Of the harness itself (Workload 0):
//
//	FaultBegun, FaultEnded   Key (fault), Value (target), Node
//	ReplicaHash    Node, Key (shard), Revision (index), Value (hash)
//	LeaderGone     Node: the moment a leader was stopped, for the outage
//	Healthy        all nodes answer again
//	Complaint      Key (fault), Reason: what the harness itself saw and must not be
package history
