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
//     for Revision, which is that of the refusal (the first that is not compacted, or
//     the current one), 0 = not told. A transaction whose compares failed is OK and
//     not Succeeded.
//   - Reasons are those of the service, also where etcd's client was told in other
//     words. UNAVAILABLE is a client's word that no connection was there, NOT_SENT
//     that the deadline passed before anything was sent. What etcd's API leaves open
//     is Unknown.
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
//	               a read of that revision, refused as COMPACTED or
//	               FUTURE_REVISION, where Revision may not be told. Serializable:
//	               a local read, and Since the revision it may not be older than;
//	               it is refused as FUTURE_REVISION where the node is not as far.
//	               Of Then and Else only the one that was done has results.
//
// Lists: Txn as above (what the server did), and one List record for the same call:
//
//	List           Micro: appends of unique elements and reads, in order.
//	               Revision as in the Txn. Outcome Refused with the reason
//	               COMPARE_FAILED where that did not succeed. Only what is OK has
//	               what was read; a read sees appends before it in the same call.
//
// Watches: Watcher is unique per stream of events as its user sees it, reconnects
// of the SDK included.
//
//	WatchOpened    Watcher, Key, End (range), From (start revision, 0 = from now),
//	               Filter, Previous, Revision (a revision that is surely not
//	               later than what the watch begins after; 0 = not known). Call
//	               is when it was asked for, Return when it was surely open.
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
// there and nothing is left out. Those of namespaces that are deleted end with the
// reason NAMESPACE_NOT_FOUND, perhaps before they have told the last writes.
//
// Keys that begin with "line/" are places in the lines of etcd's locks and elections.
// What etcd's packages and services do to them has no Txn record.
//
// Leases (and sessions whose renewals are on record, in Registry):
//
//	LeaseGranted   Lease (0: not told), TTL
//	LeaseRenewed   Lease, TTL. It was sent once: one that is Unknown may take effect
//	               at any later time, one that is OK has no more effects
//	LeaseRevoked   Lease
//	Txn            puts a key under the lease, as above, and reads it
//	LeaseSeen      Lease, Left: the lease was there. Or Lease, Key: its key was, a
//	               second record of the same call beside the Txn
//	LeaseGone      Lease, or Lease and Key: likewise, and it was not there. The
//	               grant, and the put of the key, were acknowledged before
//
// A call that is refused with LEASE_NOT_FOUND says the same as LeaseGone. A lease is
// gone for those who ask for it from its deadline on, and its keys when that was
// committed; so its key may be there after it, but it may not be there after its key.
// Several leases may end in one revision.
//
// Mutexes. The token of etcd's locks is the create revision of the key in line: it was
// given when the holder began to wait.
//
//	Acquired       Key, Token, Lease, TTL. Refused: Reason (HELD, WAIT_TIMEOUT).
//	               Unknown: its user did not wait for it any longer (CANCELED), the
//	               session was lost before the answer, or no answer came. It may
//	               hold for a moment, by a token that nobody knows, and lets go by
//	               itself or with its Lease
//	Released       Key, Token; also of old tokens, which has to be refused. Via Etcd
//	               it is a delete of the key, which is no proof that it was there
//	HoldLost       Key, Token, Reason: the hold's context ended by itself, or its
//	               holder left the session to itself (DETACHED) or closed it
//	               (SESSION_CLOSED); what it does after that is what tokens are for
//	OutsideWrite   Key, Token, Value, Fenced: a write to the register outside,
//	               which refused it (Outcome) or took it; Lost says that a write
//	               of another holder was overwritten. Value is the number that was
//	               written, one more than the writer had read. The fenced register
//	               compares tokens of reads, too
//
// Guarded: GuardedWrite has Key (the mutex), Token, and the transaction's fields; also
// Acquired, Released and HoldLost. A guard that is not current is Refused as
// GUARD_FAILED. Via Etcd the guard is the compare of the lock's key that is in If, so
// it is OK and not Succeeded. Values begin with the token.
//
// Elections. The term of etcd's elections is the create revision of the key in line.
//
//	Elected        Key, Token (the term), Value, Lease, TTL; as Acquired
//	Resigned       Key, Token
//	TermLost       Key, Token, Reason, as HoldLost
//	Proclaimed     Key, Token, Value, Revision; also of old terms, which has to be
//	               refused as STALE_TOKEN or NO_LEADER
//	LeaderSeen     Key, Token (0 = nobody leads), Value, Revision (of the last
//	               change of leader or value; with nobody 0, or for an observer
//	               the one that it was told before);
//	               Watcher > 0: told to an observer, else read by a call. An
//	               observer has another number when its stream has ended
//
// Queues: job bodies are unique. A call that takes several jobs has a record for each,
// with the same Call and Return; one that takes none has no record. What is done in one
// transaction with the write of a key has a Txn record beside its own.
//
//	Enqueued       Key (queue), Value (body), Job, Revision (0 = not told), Values
//	               (options: priority=N, delay=DURATION, group=NAME, dedup=ID,
//	               attempts=N). Refused as DUPLICATE: Job is there with that
//	               dedup id; a write in the same transaction is done all the same
//	Claimed        Key, Value, Job, Token (receipt), Attempt, TTL (claimed for),
//	               Lease. Unknown: without Job, and it lets go with the Lease.
//	               Attempts that nobody was told of have no record
//	Extended       Key, Job, Token, TTL. The SDK extends claims by itself besides
//	Acked, Nacked  Key, Job, Token; also of claims that are over, which has to be
//	               refused
//	ClaimLost      Key, Job, Token, Reason, as HoldLost
//	Drained        Key, Value, Job: found in the queue when the run had ended
//
// Counters: blind puts of one key, whose version counts them. Both have the fields of
// the transaction, too: Then is the put, or the put and a read, or the read.
//
//	Incremented    Key, Version (of the answer, 0 = not told), Revision
//	CounterRead    Key, Version, Revision
//
// Registry:
//
//	Registered     Key (service), Value (instance), Lease, TTL
//	Deregistered   Key, Value; only while its session lives as far as is known
//	InstancesSeen  Key, Values (instances, sorted), Revision; Watcher as above
//
// Instances are unique. Where the Lease has LeaseGranted and LeaseRenewed records, it
// ends by itself; a session of the SDK may also be closed or left at any time.
//
// Namespaces:
//
//	Created        Key (NAME#N); the Namespace of the record is "default"
//	Dropped        Key, likewise. No call in the namespace was under way any more
//	Txn            in the namespace, as above
//	NamespaceGone  Key: a read in the namespace was told that there is none
//
// After an outcome that is not known a name is not used again, so that what arrives
// late can do nothing in the next namespace of that name. Created is tried again then,
// and refused as NAMESPACE_EXISTS if it had happened; Dropped as NAMESPACE_NOT_FOUND.
//
// Compactions:
//
//	Compacted      Revision (of the request, also when it was refused: as COMPACTED
//	               when more is compacted already)
//	Txn with At    reads of old revisions, as above
//
// Of the harness itself (Workload 0):
//
//	FaultBegun, FaultEnded   Key (fault), Value (target), Node
//	ReplicaHash    Node, Key (shard), Revision (index), Value (hash)
//	LeaderGone     Node: the moment a leader was stopped, for the outage
//	Healthy        all nodes answer again
//	Complaint      Key (fault), Reason: what the harness itself saw and must not be
package history
