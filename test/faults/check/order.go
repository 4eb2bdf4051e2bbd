package check

import (
	"cmp"
	"slices"
	"time"
)

// stamp is a number that grows (a revision, a token, a version) and that somebody
// knew at a time.
type stamp struct {
	at       time.Duration
	revision int64
	record   int
	above    bool // the number is its own: it must be above all that were known
}

// follow demands that who called at a time has a number that is not below those
// that were known before; back is called for each that goes back.
func follow(calls, known []stamp, back func(call, newest stamp)) {
	inTime := func(a, b stamp) int { return cmp.Compare(a.at, b.at) }
	slices.SortFunc(calls, inTime)
	slices.SortFunc(known, inTime)
	var newest stamp
	for _, c := range calls {
		for len(known) > 0 && known[0].at < c.at {
			if known[0].revision > newest.revision {
				newest = known[0]
			}
			known = known[1:]
		}
		if c.revision < newest.revision || c.above && newest.revision > 0 && c.revision == newest.revision {
			back(c, newest)
		}
	}
}
