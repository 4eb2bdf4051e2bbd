package report

import (
	"errors"
	"fmt"
	"slices"

	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// proofs is how many violations of a cell are told in the result.
const proofs = 10

// Judge puts what the checkers found into the result, with how much of each workload
// was acknowledged. A run that did not do what its spec asks for proves nothing of it,
// however little is wrong, and is inconclusive.
func (r *Result) Judge(found check.Report, acknowledged map[history.Workload]int64, failed error) {
	r.Verdict, r.Unjudged, r.Cells, r.Notes, r.Failures = Passed, "", nil, nil, nil
	if r.Idle = r.idle(acknowledged); len(r.Idle) > 0 {
		r.Verdict = Inconclusive
	}
	r.fill(found, acknowledged)
	r.times(found.Outage)
	// A failure that was read from a file is only a sentence; then what was known stays.
	var unwell rig.Unwell
	r.ByNodes = failed != nil && (r.ByNodes || errors.As(failed, &unwell))
	if failed != nil {
		r.Failures = append(r.Failures, failed.Error())
		if r.Verdict == Passed || r.Verdict == Inconclusive {
			r.Verdict = Broken
		}
	}
}

// idle are the workloads and the faults of the spec that came to nothing. A fault among
// many may have had no turn before the time was over, which is a note.
func (r *Result) idle(acknowledged map[history.Workload]int64) (idle []string) {
	workloads, err := r.Spec.Only()
	if err != nil {
		return []string{err.Error()}
	}
	if len(workloads) == 0 {
		workloads = history.Workloads
	}
	for _, w := range workloads {
		if acknowledged[w] == 0 {
			idle = append(idle, fmt.Sprintf("nothing of the workload %s was acknowledged", w))
		}
	}
	faults, err := r.Spec.Faults()
	if err != nil {
		return append(idle, err.Error())
	}
	if len(faults) > 0 && r.Injections == 0 {
		return append(idle, "there was no injection")
	}
	for _, f := range faults {
		switch {
		case r.ByFault[f.ID] > 0:
		case r.Vain[f.ID] > 0:
			idle = append(idle, fmt.Sprintf("%s did no harm in %d turns", f.ID, r.Vain[f.ID]))
		default:
			r.Notes = append(r.Notes, fmt.Sprintf("%s had no turn", f.ID))
		}
	}
	return idle
}

// fill makes the cells of what the checkers found.
func (r *Result) fill(found check.Report, acknowledged map[history.Workload]int64) {
	byWorkload := map[history.Workload]*Cell{}
	for _, w := range append([]history.Workload{history.Harness}, history.Workloads...) {
		byWorkload[w] = &Cell{Workload: w.String(), Acknowledged: acknowledged[w]}
	}
	for _, result := range found.Results {
		cell := byWorkload[result.Workload]
		cell.Operations = max(cell.Operations, result.Checked)
		cell.Violations += len(result.Violations)
		cell.Inconclusive += result.Inconclusive
		for _, v := range append(slices.Clone(result.Violations), result.Undecided...) {
			if len(cell.Proof) < proofs {
				cell.Proof = append(cell.Proof, result.Checker+": "+v.What)
			}
		}
		for _, note := range result.Notes {
			r.Notes = append(r.Notes, result.Checker+": "+note)
		}
		switch {
		case len(result.Violations) > 0:
			r.Verdict = Violated
		case result.Inconclusive > 0 && r.Verdict == Passed:
			r.Verdict = Inconclusive
		}
	}
	for _, w := range append([]history.Workload{history.Harness}, history.Workloads...) {
		if cell := byWorkload[w]; w != history.Harness || cell.Violations+cell.Inconclusive > 0 {
			r.Cells = append(r.Cells, *cell)
		}
	}
}

// times takes over how long the cluster was away.
func (r *Result) times(outage check.Outages) {
	r.Outage, r.Recovery, r.Outages = spread(outage.Leader), Spread{}, nil
	for _, took := range outage.Leader.Times {
		r.Outages = append(r.Outages, took.Milliseconds())
	}
	for range outage.Leader.Never {
		r.Outages = append(r.Outages, -1)
	}
	for _, f := range outage.Faults {
		if one := spread(f.Ended); one.slower(r.Recovery) {
			r.Recovery = one // of several faults that took turns, the slowest
		}
	}
}
