// Package planted has the bugs that the fault harness must find: the test of the test
// (make faults, and go run ./test/faults planted). Each is a few lines in the product
// behind a comparison with the constant Bug:
//
//	if planted.Bug == planted.AckAnyReceipt { … }
//
// A build tag chooses Bug. Without one it is None, every such comparison is false when
// it is compiled, and nothing of the bug is in the binary. No release is built with a
// tag; internal/lint sees to that. The package imports nothing, so that anybody may
// import it, recipes too.
//
// A build with a bug starts and serves as any other; what is wrong shows under faults,
// or among many clients.
//
//   - mutant_01 AckBeforeFsync: acknowledge before the log is synced (cluster/logfile; as etcd #14370; NATS 2.12). Expected to be found under F15 in all by: acknowledged writes.
//   - mutant_02 AppliedIndexApart: the applied index is a commit of its own (statemachine/commit.go; as etcd #13766, v3.5 postmortem). Expected to be found under F02 in Registers, Queues, all via etcd by: replica hashes; revision order.
//   - mutant_03 FollowerReadsLocally: a follower answers linearizable reads by itself (cluster/shard.go; as etcd 0.4.1, Consul (Jepsen 2014)). Expected to be found under F06 in Registers, Lists by: revision order in real time; porcupine.
//   - mutant_04 LeaderTrustsItself: a leader reads without asking a majority (cluster/shard.go; as etcd #20418). Expected to be found under F03 in Registers, Lists by: revision order in real time; porcupine.
//   - mutant_05 DeadWaiterGranted: a mutex goes to a waiter whose session has ended (recipes/mutex_line.go, owned.go; as etcd #11456 (Jepsen 2020)). Expected to be found under F10 in Mutexes, Guarded by: grants to a lease that is gone; a mutex nobody gets any more.
//   - mutant_06 StaleEpochCounts: what a deposed leader proposed counts (statemachine/replica.go; as etcd #15247, #12528). Expected to be found under F03 in Registers, Counters via etcd; Leases by: a write twice in the log; exactly-once sums; leases.
//   - mutant_07 WallClockLeases: leases live by the wall clock (cluster/clock.go; as etcd #12291). Expected to be found under F13 in Leases, Mutexes, Elections, Registry by: lease bounds.
//   - mutant_08 ClockRestarts: time begins anew with each leader (cluster/leadership.go; as etcd #9395). Expected to be found under F01 in Leases, Queues by: lease bounds: late.
//   - mutant_09 LocalTokens: tokens are counted by each mutex, and begin again (recipes/mutex_line.go; as fencing by key version; Redlock). Expected to be found under F28 in Mutexes, Guarded by: tokens strictly increase.
//   - mutant_10 WatchSkipsOnReconnect: a resumed watch begins one revision too late (sdk/watch.go; as off by one of many clients). Expected to be found under F12 in Watches by: watch: reliable, resumable.
//   - mutant_11 SlowWatchDrops: a slow watch loses changes in silence (statemachine/feed/subscription.go; as etcd #17529). Expected to be found under F27 in Watches; the harness by: watch: reliable; a watch that is not read.
//   - mutant_12 CompactionEatsDelete: a compaction takes the deletes of its revision along (statemachine/mvcc/kv.go; as etcd #18089, #19179). Expected to be found under F22 in Watches, Compactions by: watch: reliable.
//   - mutant_13 ProgressBeforeEvents: progress runs ahead of the events (statemachine/feed/watch.go, poll.go; as etcd #15220). Expected to be found under F18 in Watches by: watch: bookmarkable.
//   - mutant_14 CompareBeforeApply: compares are decided before the proposal (cluster/propose.go; as Redis-Raft (Jepsen 2020)). Expected to be found under F12 in Registers, Lists by: branches recomputed; list cycles; porcupine.
//   - mutant_15 RetryWithoutID: the SDK sends a transaction again without its id (sdk/txn.go; as jetcd 0.8.2 (Jepsen 2024)). Expected to be found under F01 in Registers, Lists, Counters by: a write twice in the log; list cycles.
//   - mutant_16 RetriesApplyAgain: the service ignores request ids (recipes/dedupe.go; as at-least-once Raft sessions). Expected to be found under F01 in Registers, Lists, Counters, Queues by: a write twice in the log; exactly-once sums.
//   - mutant_17 SnapshotWithoutLeases: a snapshot leaves the leases out (statemachine/snapshot.go; as state beside the store). Expected to be found under F22 in Leases, Mutexes, Registry by: replica hashes; leases late.
//   - mutant_18 RecoveryTellsNobody: watches are not told of a replaced state (statemachine/machine.go; as etcd #15271). Expected to be found under F22 in Watches by: watch: reliable.
//   - mutant_19 AckAnyReceipt: an ack is taken with any receipt (recipes/queue_claim.go; as queues that settle by id). Expected to be found under F10 in Queues, Guarded by: total-queue: acked by two.
//   - mutant_20 ExpiryGrantsTwo: a lost holder is followed by two (recipes/mutex_line.go; as the herd that wins together). Expected to be found under F10 in Mutexes by: mutual exclusion; tokens.
//   - mutant_21 NamespaceLeavesKeys: a new namespace has the keys of the last one (recipes/system_namespace.go, statemachine/replica.go; as ids that are used again). Expected to be found under F28 in Namespaces by: state of a new namespace.
//   - mutant_22 DeleteRangeLosesPrevious: of many deletes only the first has its previous version (statemachine/tx.go; as etcd's watch prevKV). Expected to be found under F28 in Watches by: watch: prevKV.
//   - mutant_23 TermReused: a successor leads in the term of its predecessor (recipes/election_line.go; as terms that count elections). Expected to be found under F10 in Elections, Guarded by: one leader for each term.
//   - mutant_24 DeadInstanceListed: an instance stays when its session expires (recipes/registry.go; as stale catalogs). Expected to be found under F10 in Registry by: instances of leases that are gone.
//   - mutant_25 JobsDieWithWorker: a job is gone with the worker that had it (recipes/queue_finish.go; as brokers that ack on delivery). Expected to be found under F10 in Queues by: total-queue: lost.
//   - mutant_26 ReadGoesBack: a local read goes back behind what its caller has seen (rpc/kv.go; as ZooKeeper at another server). Expected to be found under F06 in Registers by: serializable reads since a revision.
//   - mutant_nosync NoSync: control: nothing is ever synced (cluster/logfile, statemachine/store; as Pebble NoSync). Expected to be found under F15 in all by: acknowledged writes.
//
// What the field has and this list has not: a nested transaction that skips
// authorization, because there is no authorization yet; and a recovery that keeps the
// old revision, because the state machine stops at the first key that would change at a
// revision twice. RecoveryTellsNobody is the silent one of that family.
package planted
