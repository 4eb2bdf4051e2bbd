package check

import (
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// refuser judges refusals.
type refuser struct {
	*book
	*tally
	lives  *lives
	filled int // the first fault that can fill a disk; -1: none

	grants   map[claimant][]int // not refused, by who asked
	released map[ofToken]int    // in order
	tries    map[drawn][]int    // creations and drops of unknown outcome
}

// claimant is a session that asked for a mutex or stood for an election.
type claimant struct {
	name
	lease int64
}

// ofToken is one hold or one term.
type ofToken struct {
	name
	token int64
}

// drawn is a namespace that was created or dropped.
type drawn struct {
	kind history.Kind
	key  string
}

// tight are the faults in which nodes are on small disks, or anything may happen.
var tight = []string{"F14", "F15", "F16", "F17", "F18", "F19", "F20", "F28"}

func (f *refuser) collect() {
	f.filled = slices.IndexFunc(f.book.records, func(r history.Record) bool {
		return r.Kind == history.FaultBegun && slices.Contains(tight, r.Key)
	})
	f.grants, f.released, f.tries = make(map[claimant][]int), make(map[ofToken]int), make(map[drawn][]int)
	for i := range f.book.records {
		r := &f.book.records[i]
		switch {
		case r.Kind == history.Acquired || r.Kind == history.Elected:
			if c := (claimant{name{r.Kind, r.Namespace, r.Key}, r.Lease}); r.Outcome != history.Refused && r.Lease != 0 {
				f.grants[c] = append(f.grants[c], i)
			}
		case r.Kind == history.Released && r.Outcome == history.OK:
			f.released[ofToken{name{history.Acquired, r.Namespace, r.Key}, r.Token}] = i
		case r.Kind == history.Resigned && r.Outcome == history.OK:
			f.released[ofToken{name{history.Elected, r.Namespace, r.Key}, r.Token}] = i
		case r.Outcome == history.Unknown && (r.Kind == history.Created || r.Kind == history.Dropped):
			f.tries[drawn{r.Kind, r.Key}] = append(f.tries[drawn{r.Kind, r.Key}], i)
		}
	}
}

// mayHold tells whether the session of a refused call may have held what it asked
// for, or waited for it, by an earlier call.
func (f *refuser) mayHold(r *history.Record) bool {
	n := name{r.Kind, r.Namespace, r.Key}
	return slices.ContainsFunc(f.grants[claimant{n, r.Lease}], func(i int) bool {
		grant := &f.book.records[i]
		if grant.Call > r.Return || grant.Outcome == history.Unknown {
			return grant.Call <= r.Return
		}
		end, ok := f.released[ofToken{n, grant.Token}]
		return !ok || f.book.records[end].Return >= r.Call
	})
}

// namespace judges that one is there, or is not.
func (f *refuser) namespace(i int, r *history.Record) {
	if r.Kind == history.Created || r.Kind == history.Dropped {
		tried := slices.ContainsFunc(f.tries[drawn{r.Kind, r.Key}], func(u int) bool { return f.book.records[u].Call < r.Call })
		if !tried {
			f.violation([]int{i}, "%v of %q was refused as %s, and was not tried before", r.Kind, r.Key, r.Reason)
		}
		return
	}
	if r.Namespace == "default" {
		f.violation([]int{i}, "the namespace that is always there was said not to be")
	} else if c, there := f.lives.there(r.Namespace, r); there {
		f.violation([]int{i, c}, "%q was said not to be there, before anybody dropped it", r.Namespace)
	}
}
