package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
)

// row is all runs of one fault and one workload.
type row struct {
	fault, workload          string
	runs, passed, injections int
	operations               int64
	violations, inconclusive int
	recovery                 time.Duration // the greatest p99 of the runs
	never                    int           // injections after which no write came
	commits                  []string
	command                  string
}

// recovered is how long it took until writes came again.
func (r *row) recovered() string {
	if r.never > 0 {
		return fmt.Sprintf("%v, %d never", r.recovery, r.never)
	}
	return r.recovery.String()
}

// rowsOf sorts by fault, and then by workload as package history has them.
func rowsOf(results []*Result) []*row {
	rows := map[[2]string]*row{}
	for _, r := range results {
		for _, c := range r.Cells {
			key := [2]string{r.Spec.Fault, c.Workload}
			at := rows[key]
			if at == nil {
				at = &row{fault: r.Spec.Fault, workload: c.Workload, command: r.Spec.Command()}
				rows[key] = at
			}
			at.runs++
			if r.Verdict == Passed {
				at.passed++
			}
			at.injections += r.Injections
			at.operations += c.Operations
			at.violations += c.Violations
			at.inconclusive += c.Inconclusive
			at.recovery = max(at.recovery, r.Recovery.P99)
			at.never += r.Recovery.Never
			if !slices.Contains(at.commits, r.Commit) {
				at.commits = append(at.commits, r.Commit)
			}
		}
	}
	var sorted []*row
	for _, at := range rows {
		sorted = append(sorted, at)
	}
	slices.SortFunc(sorted, func(a, b *row) int {
		if c := strings.Compare(a.fault, b.fault); c != 0 {
			return c
		}
		return place(a.workload) - place(b.workload)
	})
	return sorted
}

// place is that of a workload among all; the harness is the first.
func place(name string) int {
	w, _ := history.WorkloadNamed(name)
	return int(w)
}

// title is the id of a fault with its name, or a list of faults as it is.
func title(id string) string {
	if f, ok := fault.Find(id); ok {
		return f.ID + " " + f.Name
	}
	return id
}
