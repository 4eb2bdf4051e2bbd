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
//	   ordered   pending changes ─ commit ─▶ recent, Pebble
//	   map
//
// keys.Where says which table is hot, cold or derived. A batch's changes of
// hot records go to the map at once, those of cold records wait in an overlay;
// Commit writes the final value of every changed record. So undoing a part of
// a batch (Mark, Rollback) leaves no trace in Pebble. What was written or read
// last, of the tables that are read record by record, is found in memory (recent.go).
//
// # Durability
//
// There is no write-ahead log: the Raft log is one, and it is replayed from the
// applied index that the last surviving commit holds. Commits stay in memory until
// a table of them is full, or until Sync or Close makes all of them durable. What
// survives a crash, that of the process included, is always a prefix of the commits.
//
// A failed write or fsync ends the process through Options.Fatal (promise S3).
// Open refuses a DB whose manifest lost records that it once had (witness.go).
package store
