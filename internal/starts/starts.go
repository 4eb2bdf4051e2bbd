// Package starts tells an old copy of a data directory from the directory itself.
//
// A node counts how often its process was started with its directory, and each start
// has a random number, which is on the disk before anybody is told of it. The cluster
// remembers the latest start of each node. A directory that is an old copy does not
// know that one: it has counted less far, or from the copy on with other numbers. Its
// node has forgotten what it acknowledged and voted for since, and must not take part
// (promise S2).
//
// A copy that was taken in the very life before is not found, as when the image of a
// disk is brought back before the node was started again: nobody but the node itself
// knew how much it had written by then.
package starts

// Kept is how many of its latest starts a node knows by their numbers.
const Kept = 32

// Known says whether a node that has been started count times, the latest with these
// numbers (this one first), knows of an earlier start or is in it. What is longer ago
// than the numbers reach is believed.
func Known(count uint64, nonces []uint64, start, nonce uint64) bool {
	if count < start || len(nonces) == 0 {
		return false
	}
	ago := count - start
	return ago >= Kept || ago < uint64(len(nonces)) && nonces[ago] == nonce
}
