// Package statemachine is one replica of one shard: it applies committed log
// entries to the state on disk, answers queries, feeds watchers and makes and
// takes snapshots. Machine is Dragonboat's on-disk state machine.
//
// # One entry
//
//	entry.Decode ─▶ epoch current? ─▶ for each command:
//	                    │ no            dedupe ─▶ recipes.X(tx, command)
//	                    ▼                 │ known        │ refusal: roll back
//	               STALE_EPOCH            ▼              ▼
//	                 for all          first answer     result ─▶ keep for dedupe
//
//	all entries of the Update ─▶ applied index, clock, epoch ─▶ one commit
//	                                    ─▶ feed.Publish ─▶ Config.Results
//
// Everything that an Update changes is in one Pebble commit (promise S1). The
// commit is not flushed: Dragonboat calls Sync before it forgets log entries,
// and replays what a crash took. What survives a crash is a prefix.
//
// # Imports and calls
//
// The runtime call from apply.go into recipes is the only one that goes
// against the direction of data: recipes declares Tx, this package implements
// it over statemachine/store and statemachine/mvcc.
//
// # Concurrency
//
// Dragonboat calls Update, Sync, PrepareSnapshot, RecoverFromSnapshot and Close
// one at a time; SaveSnapshot may run beside Update. Query, Watch and the
// accessors may be called at any time, also before Open, during recovery and
// after Close. The lock Machine.mu guards which DB is the current one.
//
// # Directory
//
//	CURRENT    the name of the DB directory in use
//	db-<n>     a DB; those that CURRENT does not name are deleted by Open
package statemachine
