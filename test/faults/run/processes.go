package run

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// turn is one injection that was tried.
type turn struct {
	fault    fault.Fault
	target   string
	from, to time.Time
}

// late is how long after an injection a process may still end of it: it is reaped
// after the node was found to be back, or has met the error but not yet told.
const late = 2 * time.Second

// panicsTold is how many lines of one node's log are told.
const panicsTold = 3

// processes complains of each process that ended without being asked to, and of every
// panic in a log, also one that was caught.
func (r *run) processes() error {
	for _, end := range r.cluster.Ends() {
		id, why := blame(end, r.turns)
		if why != "" {
			at := max(0, r.history.Now()-time.Since(end.At))
			r.history.Add(history.Record{Kind: history.Complaint, Key: id, Reason: why, Call: at, Return: at})
		}
	}
	var errs []error
	for _, n := range r.cluster.Nodes() {
		found, err := n.Panics(panicsTold)
		errs = append(errs, err)
		for _, line := range found {
			now := r.history.Now()
			r.history.Add(history.Record{Kind: history.Complaint, Key: "log of " + n.Name(), Reason: line, Call: now, Return: now})
		}
	}
	return errors.Join(errs...)
}

// blame says what is wrong with the end of a process, "" = nothing, and under which
// fault it was. A fault that takes from a node what it cannot do without may end it,
// with a sentence in its log; only the kernel, when memory is short, ends it without.
func blame(end rig.End, turns []turn) (id, why string) {
	id = "no fault"
	for _, t := range turns {
		if end.At.Before(t.from) || end.At.After(t.to.Add(late)) {
			continue
		}
		id = t.fault.ID
		if t.fault.MayEnd && strings.Contains(t.target, end.Node) && inOrder(end, t.fault) {
			return id, ""
		}
	}
	return id, fmt.Sprintf("the process of %s ended by itself (%s); it said last: %s", end.Node, end.State, end.Said)
}

// inOrder tells whether a process that may end did it as it should.
func inOrder(end rig.End, f fault.Fault) bool {
	if end.Killed {
		return f.Name == "memory"
	}
	return end.Explained && !end.Panicked
}
