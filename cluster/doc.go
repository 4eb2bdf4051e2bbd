// Package cluster runs a node: its Raft replicas, its way to the leader of each
// shard, and its membership. It orders and carries commands and does not know
// what they mean.
//
// # The way of a command
//
//	Propose ─┬─ this node leads ──▶ batcher ─▶ one log entry ─▶ Raft
//	         │                         ▲                         │
//	         └─ another leads ─▶ forwarder ══ stream ══▶ its     ▼
//	                                           peer port      Machine.Update
//	caller ◀── its place in the batch ◀── Results, by batch id ──┘
//
// The leader's batcher (batcher.go, pump.go) has one entry in flight and fills
// the next one meanwhile. Nothing waits for a timer in it: a command that comes
// alone is proposed at once, by the goroutine that brings it, and under load
// entries grow, each proposed by the one that applied the entry before.
//
// # Leadership
//
// One goroutine per shard (leadership.go) follows Raft. A new leader first
// commits the claim of its term as the shard's epoch; then it proposes batches
// that carry it, stamped by the log clock (clock.go), and expires timers as the
// clock passes them.
//
//	following ──leads T──▶ claiming T ──applied──▶ reigning T
//	    ▲                       │                      │
//	    └────────── leader or term changed ────────────┘
//
// # What became of a batch
//
// A batch whose leader was deposed is not lost sight of. Once a claim of a later
// epoch has been applied on this node, a batch that has not been applied before
// it never will be (promise T2), so its callers may try again safely. Unknown
// outcomes remain only where a node stops, jumps over the log by a snapshot, or
// cannot reach the leader that it sent a command to, and where the caller's
// patience ends; commands with a request id are tried again even then.
//
// # Reads
//
// Reads that come while a ReadIndex is on its way wait together for the next
// one (reads.go), then each asks the replica of this node.
//
// # Membership
//
// A node is its name, and for each data directory an incarnation
// (identity.go). The system shard has on record which incarnation a name
// belongs to. A node whose directory is not that one is refused: by the others
// when it asks them at its start (bootstrap.go), at every Raft connection
// (admit.go), and when it registers (join.go).
//
//	           registers                      replaced
//	(unknown) ──────────▶ member, generation g ──────▶ awaited, generation g+1
//	                             ▲                          │
//	                             └── new directory joins ───┘
//
// Raft knows a node by a NodeHostID computed from cluster, name and generation.
// Where it is reached may change: see directory.go.
//
// # Goroutines
//
// Cluster owns them all and Stop awaits them. Per shard: rule (leadership and
// expiry), batcher.run. Per peer: forwarder.run, with a reader while
// its stream is open. One each: directory.follow, announce and register until
// they are done, govern, and the HTTP server. In the peer service, one per
// message that waits for its batches. The rest is Dragonboat's and the
// transport's.
//
// # Locks
//
// None is held while another package is called that could call back, with one
// exception: directory.mu is held while the registry and the peers are told
// about addresses, and so comes before Cluster.peersMu. directory.loading comes
// before directory.mu.
package cluster
