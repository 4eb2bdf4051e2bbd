// Package damage damages files below a Conclave data directory, as drives and
// people do: flipped bits, missing tails, blocks of zeros, torn writes, a directory
// that is gone, and one that is an old copy.
//
// Files finds files by what they hold (docs/disk-format.md). What is damaged and
// where is drawn from the caller's random source, so a seed repeats it. Each Wound
// says what was done. Changes are synced, so that they are not undone by a power
// loss.
//
// Files of the Raft log end with room for more, which is zero. Nothing there can be
// damaged, so places are drawn from the bytes up to the last one that is not zero.
//
// Pebble keeps some files that it does not use any more, such as the manifest before
// the present one. They are found too, and their damage has no effect.
//
// The directory of a running process may be damaged as well, except by Copy,
// Restore and Wipe: those are for when it is down.
package damage
