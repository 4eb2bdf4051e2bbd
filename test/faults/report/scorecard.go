package report

import (
	_ "embed" // for found.md
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
)

// row is all runs of one fault and one workload.
type row struct {
	fault, workload          string
	runs, injections         int
	operations               int64
	violations, inconclusive int
	recovery                 time.Duration // the greatest p99 of the runs
	commits                  []string
	command                  string
}

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
	text.WriteString("\n| fault | workload | runs | injections | operations checked | violations | inconclusive | p99 recovery | commit | again |\n")
	text.WriteString("|---|---|---:|---:|---:|---:|---:|---:|---|---|\n")
	for _, r := range rows {
		_, _ = fmt.Fprintf(&text, "| %s | %s | %d | %d | %s | %d | %d | %v | %s | `%s` |\n",
			title(r.fault), r.workload, r.runs, r.injections, thousands(r.operations), r.violations, r.inconclusive,
			r.recovery, strings.Join(r.commits, " "), r.command)
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
processes, real disks, all workloads at a time, one fault a run. Made by
` + "`go run ./test/faults grid RUNS...`" + `.

The goal of a release is 20 million operations and 2,000 injections over all 28 faults;
the first table says how far the runs below have come.

- *operations checked* are calls and events that a checker decided about, each counted once.
- *inconclusive* is what no checker could decide. It counts as failed.
- *p99 recovery* is from the end of an injection to the next acknowledged write, the
  greatest of the runs.
- *again* repeats the first of the runs: the same schedule, targets and choices of the
  clients, on processes that the machine schedules anew.

`

// totals are sums over all runs.
type totals struct {
	runs, passed, injections  int
	operations                int64
	violations, inconclusive  int
	outages                   []int64 // after kills of leaders, in milliseconds
	lost, updates             int     // of the control
	kills, powerOne, powerAll int
	faults                    map[string]bool
	took                      time.Duration
}

func (t *totals) add(r *Result) {
	if t.faults == nil {
		t.faults = map[string]bool{}
	}
	t.runs++
	if r.Verdict == Passed {
		t.passed++
	}
	t.injections += r.Injections
	t.operations += r.Operations()
	t.took += r.Took
	t.faults[r.Spec.Fault] = true
	for _, c := range r.Cells {
		t.violations += c.Violations
		t.inconclusive += c.Inconclusive
	}
	if r.Spec.Fault == "F01" {
		t.outages = append(t.outages, r.Outages...)
	}
	t.control(r)
	t.kills += r.ByFault["F01"]
	t.powerOne += r.ByFault["F14"]
	t.powerAll += r.ByFault["F15"]
}

func (t *totals) write(w *strings.Builder) {
	_, _ = fmt.Fprintf(w, "| runs | passed | hours | injections | operations checked | violations | inconclusive | kills | power losses of one | of all |\n")
	w.WriteString("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	_, _ = fmt.Fprintf(w, "| %d | %d | %.1f | %s | %s | %d | %d | %d | %d | %d |\n", t.runs, t.passed, t.took.Hours(),
		thousands(int64(t.injections)), thousands(t.operations), t.violations, t.inconclusive, t.kills, t.powerOne, t.powerAll)
}

// unguarded is how package check tells of the register that workers write to without
// showing their tokens.
var unguarded = regexp.MustCompile(`(\d+) without, of which (\d+) lost an update`)

// control adds up what the control lost: the same workers, without their tokens.
func (t *totals) control(r *Result) {
	for _, note := range r.Notes {
		if m := unguarded.FindStringSubmatch(note); m != nil {
			all, _ := strconv.Atoi(m[1])
			lost, _ := strconv.Atoi(m[2])
			t.lost, t.updates = t.lost+lost, t.updates+all
		}
	}
}

// writeTimes tells how long writes were away after a leader had been killed, and what
// the control lost.
func (t *totals) writeTimes(w *strings.Builder) {
	slices.Sort(t.outages)
	if n := len(t.outages); n > 0 {
		never, _ := slices.BinarySearch(t.outages, 0)
		at := func(q float64) int64 { return t.outages[min(n-1, int(q*float64(n)))] }
		_, _ = fmt.Fprintf(w, "\nWrites after SIGKILL of the leader, %d times: p50 %d ms, p99 %d ms, max %d ms; %d times none until the end.\n",
			n, at(0.5), at(0.99), t.outages[n-1], never)
	}
	if t.updates > 0 {
		_, _ = fmt.Fprintf(w, "\nControl: %d of %d updates were lost of a register that does not ask for tokens; none of the one beside it, which does.\n",
			t.lost, t.updates)
	}
}

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
			at.injections += r.Injections
			at.operations += c.Operations
			at.violations += c.Violations
			at.inconclusive += c.Inconclusive
			at.recovery = max(at.recovery, r.Recovery.P99)
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

func place(name string) int {
	w, _ := history.WorkloadNamed(name)
	return int(w)
}

func title(id string) string {
	if f, ok := fault.Find(id); ok {
		return f.ID + " " + f.Name
	}
	return id
}

// thousands writes a number with commas.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
