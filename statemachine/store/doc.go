// Package store keeps the records of one shard replica: all of them in Pebble,
// the hot ones in memory too.
//
// # Who uses it how
//
// The apply goroutine is the only writer. It opens a Batch, reads and changes
// records through it, and commits it: one Raft update is one batch is one
// Pebble commit (promise S1). Everybody else reads through a View, which is
// the state after one commit and never waits for the apply goroutine.
//
// # Where records are
//
//	      Batch (apply)                      View (queries, snapshots)
//	        │      │                               │
//	hot and │      │ cold                          │ hot and cold
//	derived ▼      ▼                               ▼
//	   ordered   pending changes ─ commit ─▶ Pebble
//	   map
//
// keys.Where says which table is hot, cold or derived. A batch's changes of
// hot records go to the map at once, those of cold records wait in an overlay;
// Commit writes the final value of every changed record. So undoing a part of
// a batch (Mark, Rollback) leaves no trace in Pebble.
//
// # Durability
//
// Commits go to Pebble's write-ahead log without waiting for the disk: the
// Raft log is the durable one, and it is replayed from the applied index that
// the last surviving commit holds. What survives a crash is always a prefix of
// the commits. Sync makes everything committed durable.
//
// A failed write or fsync ends the process through Options.Fatal (promise S3).
// Open refuses a DB whose manifest lost records that it once had (witness.go).
package store
