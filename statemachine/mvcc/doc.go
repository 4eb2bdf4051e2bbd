// Package mvcc keeps the versioned keys of a namespace on an ordered record
// store: every version of every key since the last compaction, in the order of
// the revisions.
//
// # Tables
//
//	Latest     raw key                  → the current version of a live key
//	History    escaped key, revision    → a version that was replaced or deleted,
//	                                      and the revision that ended it
//	Revisions  revision, number         → which key changed, and how
//	LeaseKeys  lease, raw key           → nothing; the key is attached to the lease
//
// A version is valid at a revision r if its mod revision ≤ r and it had not
// ended by r. So a read of the present looks at Latest alone, and a key that
// is written once costs one small record in Revisions beyond that. Only the
// second write of a key touches History.
//
// # Compaction
//
// After a compaction to C, reads at C and later are answered and earlier ones
// refused. The changes of revision C itself stay in Revisions, because a watch
// may begin there.
//
// docs/disk-format.md describes the records byte by byte.
package mvcc
