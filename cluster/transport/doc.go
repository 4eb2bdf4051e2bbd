// Package transport carries Raft between the nodes of a cluster: one TCP port
// per node, shared with the plain HTTP that nodes speak to each other.
//
// # The port
//
// A [Mux] accepts on the peer listeners. The first eight bytes of a connection
// decide what it is:
//
//	accept ─► own goroutine ─► 8 bytes ─┬─ "CNCLVR1\n" ─► hello, answer ─► frames
//	          (deadline, bounded)       └─ anything else ─► Mux.HTTP()
//
// A connection has [MuxConfig].HandshakeTimeout, counted from accept, to get
// through to the right-hand side, and at most MaxHandshakes are on their way at
// a time. A silent or slow peer therefore costs one slot for three seconds and
// never holds up another one. Accept backs off on errors (EMFILE) and goes on.
//
// # The wire
//
// All integers are big-endian; checksums are CRC-32C. docs/peer-protocol.md is
// the same text for people without the source.
//
//	magic   "CNCLVR1\n", sent once by the dialing node
//	hello   version u8 = 1 | kind u8 = 1 | length u16 | hello body | crc u32
//	answer  version u8 = 1 | kind u8 = 2 | length u16 | verdict u8 |
//	        reason length u16 | reason | hello body | crc u32
//	body    cluster id u64 | incarnation u64 | generation u64 |
//	        name length u16 | name
//	frame   type u8 (1 batch, 2 chunk) | length u32 | crc u32 | payload
//
// The crc of hello and answer covers them from the version on; the crc of a
// frame covers type, length and payload. Hello and answer are at most 4 KiB. Bytes
// after the known fields of a hello body are ignored, so later versions can add
// some. A payload is Dragonboat's MessageBatch (at most 65 MiB) or Chunk (at
// most 4 MiB). Frames only travel from the dialing to the accepting node.
//
// # Who may speak
//
// Both sides judge the other's [Hello]: the cluster id must be the own one and
// [Config].Admit must agree. The accepting node says its verdict with a reason;
// the dialing node also demands the name that it meant to reach, and simply
// hangs up when it does not agree. A refusal ends the refused process through
// [Config].OnRefused only when it comes with authority, see OnRefused.
//
// An admitted node is trusted to follow Raft, not to be free of bugs: a frame
// that is malformed, too large, too dense, or that Dragonboat would answer with
// a panic closes that one connection, with a log line.
//
// # Goroutines
//
//   - Mux: one accept loop per listener, and one goroutine per connection until
//     it is handed to HTTP or, for Raft, until it ends. Mux.Close ends and
//     awaits them all.
//   - Transport: no goroutine per accepted connection of its own (it borrows
//     that of the Mux), one per dialed connection, which notices that the peer
//     hung up. Transport.Close ends and awaits both kinds; after it neither of
//     Dragonboat's handlers is called again.
//   - Dragonboat: the goroutines that dial, send and close.
package transport
