// Package migrate moves keys from another store into a namespace: a copy at one
// revision, what follows it, and in the end the proof that both sides are the same.
//
//	                    somebody writes here: fails
//	                            ▲
//	begin ──▶ copying ──▶ following ──▶ comparing ──▶ letting go
//	  │          ▲            │                        leases end by themselves
//	  │          └────────────┘                        from now on
//	  │       what follows is forgotten there
//	  └────────────────────────▶
//	   copied by an earlier run
//
// Whatever interrupts it, it can be run again. What it has done by then stays, and
// is either continued or replaced: a namespace remembers from where, and up to which
// revision, it was imported.
//
// # Leases
//
// As long as the owners of the leases talk to the other store, nobody renews them
// here. So they are held: their deadlines are Hold beyond their TTL, and moved again
// before they come. In the end each gets its own full TTL. When this program is
// killed, there is as much time as Hold to run it again; after that leases end, and
// with them their keys.
package migrate
