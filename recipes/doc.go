// Package recipes holds the rules of every recipe: pure functions from a state
// and a command to a result.
//
// # What a rule is
//
//	func AcquireMutex(tx Tx, cmd *logv1.AcquireMutex) (*logv1.AcquireMutexResult, *logv1.Refusal)
//
// One command is one call is one commit. A rule reads and writes records
// through Tx and nothing else: no clock but tx.Clock(), no randomness, no
// goroutine, no map iteration. So every replica that applies the same log
// reaches the same state. A refusal is a result like any other: it says why
// nothing was done. A broken invariant panics, because a replica that goes on
// from one would diverge silently.
//
// # Sessions and what they own
//
// A session is a lease that its client renews. Whatever a session holds, waits
// for, campaigns for, has claimed or has registered is listed under it
// (owned.go), so that its end releases everything in the same commit, and
// grants the next in line in that commit too.
//
// # Waits
//
// A wait is a ticket (ticket.go): a place in a line, numbered by the revision
// that made it. It ends by exactly one TicketEvent.
//
//	            granted
//	          ┌─────────▶ GRANTED ──── until a minute after the hold
//	WAITING ──┤ bound passed ▶ TIMED_OUT ─┐
//	          │ canceled ────▶ CANCELED ──┤ forgotten after a minute
//	          └ session ended ▶ SESSION_LOST ┘
//
// # Time
//
// A session whose deadline has passed counts as ended from that moment: nothing
// is done under it and nothing is granted to it, although the command that takes
// it away may still be under way.
//
// Everything that happens later is a timer (timer.go) in one table ordered by
// due time. The leader proposes ExpireTimers when its clock passes the first
// one; the rule that a timer belongs to checks its record again, so a timer
// that is out of date does nothing.
package recipes
