package report

import (
	"cmp"
	_ "embed" // for found.md
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
)

// Scorecard writes a row for each fault and workload that results are there of, and
// the sums above them. Runs of several faults that took turns have a row of their own.
func Scorecard(w io.Writer, results []*Result) error {
	rows := rowsOf(results)
	var t totals
	for _, r := range results {
		t.add(r)
	}
	var text strings.Builder
	text.WriteString(preface)
	t.write(&text)
	t.writeTimes(&text)
	text.WriteString("\n| fault | workload | runs | passed | injections | operations checked | violations | inconclusive | p99 recovery | commit | again |\n")
	text.WriteString("|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|\n")
	for _, r := range rows {
		_, _ = fmt.Fprintf(&text, "| %s | %s | %d | %d | %d | %s | %d | %d | %s | %s | `%s` |\n",
			title(r.fault), r.workload, r.runs, r.passed, r.injections, thousands(r.operations), r.violations, r.inconclusive,
			r.recovered(), strings.Join(r.commits, " "), r.command)
	}
	text.WriteString(found)
	_, err := io.WriteString(w, text.String())
	return err
}

// found are the bugs that were found, for people.
//
//go:embed found.md
var found string

const preface = `# Scorecard

What the fault harness ([docs/testing.md](docs/testing.md)) found in the runs below: real
processes, real disks, all workloads at a time; the faults of a run take turns. Made by
` + "`go run ./test/faults grid RUNS...`" + `.

The goal of a release is 20 million operations and 2,000 injections over all 28 faults;
the first table says how far the runs below have come.

- *passed* are runs in which nothing was wrong, nothing undecided and the harness did
  its work, in whatever workload. Operations and injections of the others count, too,
  unless the run was not judged: it was interrupted, or its history cannot be read.
- *operations checked* are calls and events that a checker decided about, each counted once.
- *inconclusive* is what no checker could decide. It counts as failed.
- *kills* are the injections of F01 and F02, *power losses* those of F14 and F15. Other
  faults kill and start nodes, too, and are not among them.
- *p99 recovery* is from the end of an injection to the next acknowledged write, the
  greatest of the runs. *never* counts injections after which there was none.
- *again* repeats the first of the runs: the same schedule, targets and choices of the
  clients, on processes that the machine schedules anew.

`

// totals are sums over all runs.
type totals struct {
	runs, passed, injections int
	operations               int64
	violations, inconclusive int
	outages                  []int64 // after kills of leaders, in milliseconds
	control                  control
	killOne, killAll         int
	powerOne, powerAll       int
	faults                   map[string]bool // those that did harm
	took                     time.Duration
}

func (t *totals) add(r *Result) {
	if t.faults == nil {
		t.faults = map[string]bool{}
	}
	t.runs++
	if r.Unjudged != "" {
		return
	}
	if r.Verdict == Passed {
		t.passed++
	}
	t.injections += r.Injections
	t.operations += r.Operations()
	t.took += r.Took
	for _, c := range r.Cells {
		t.violations += c.Violations
		t.inconclusive += c.Inconclusive
	}
	if r.Spec.Fault == "F01" {
		t.outages = append(t.outages, r.Outages...)
	}
	for id, n := range r.ByFault {
		if n > 0 {
			t.faults[id] = true
		}
	}
	t.control.add(r.Notes)
	t.killOne += r.ByFault["F01"]
	t.killAll += r.ByFault["F02"]
	t.powerOne += r.ByFault["F14"]
	t.powerAll += r.ByFault["F15"]
}

func (t *totals) write(w *strings.Builder) {
	_, _ = fmt.Fprintf(w, "| runs | passed | hours | faults | injections | operations checked | violations | inconclusive | kills of one | of all | power losses of one | of all |\n")
	w.WriteString("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	_, _ = fmt.Fprintf(w, "| %d | %d | %.1f | %d of %d | %s | %s | %d | %d | %d | %d | %d | %d |\n", t.runs, t.passed, t.took.Hours(), len(t.faults), len(fault.All),
		thousands(int64(t.injections)), thousands(t.operations), t.violations, t.inconclusive, t.killOne, t.killAll, t.powerOne, t.powerAll)
}

// writeTimes tells how long writes were away after a leader had been killed, and what
// the control lost.
func (t *totals) writeTimes(w *strings.Builder) {
	// Those that did not end are the longest: as unsigned numbers they come last.
	slices.SortFunc(t.outages, func(a, b int64) int { return cmp.Compare(uint64(a), uint64(b)) })
	if n := len(t.outages); n > 0 {
		ended := n - 1
		for ended >= 0 && t.outages[ended] < 0 {
			ended--
		}
		_, _ = fmt.Fprintf(w, "\nWrites after SIGKILL of the leader, %d times: p50 %s, p99 %s, max %s; %d times none until the end.\n",
			n, outage(t.outages[n/2]), outage(t.outages[min(n-1, n*99/100)]), outage(t.outages[n-1]), n-1-ended)
	}
	t.control.write(w)
}

// outage is one in words.
func outage(ms int64) string {
	if ms < 0 {
		return "never"
	}
	return fmt.Sprint(ms, " ms")
}

// thousands writes a number with commas.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
