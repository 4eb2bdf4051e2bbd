package statemachine

import "math"

// aheadPart is the part of the entries between two calls of Sync that is left to the
// second: one of so many.
const aheadPart = 32

// ahead knows when it is time to write to the disk ahead of the next Sync. Nothing
// that is decided depends on it. It belongs to the apply goroutine.
type ahead struct{ next uint64 }

// reset notes that Sync was called at an index, and will be so many entries later.
func (a *ahead) reset(every, index uint64) {
	a.next = math.MaxUint64
	if every > 0 {
		a.next = index + every - every/aheadPart
	}
}

// due tells, once for each Sync, that the next one is near.
func (a *ahead) due(index uint64) bool {
	if index < a.next {
		return false
	}
	a.next = math.MaxUint64
	return true
}
