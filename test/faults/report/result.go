// Package report keeps what came of a run and shows many of them as a scorecard.
package report

import (
	"os"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// Result is what came of a run, as result.yaml in its directory says it.
type Result struct {
	Spec   spec.Spec `yaml:"spec"`
	Commit string    `yaml:"commit"`
	// Binary is the start of the SHA-256 of the program that ran.
	Binary   string        `yaml:"binary"`
	Go       string        `yaml:"go"`
	Kernel   string        `yaml:"kernel"`
	Began    time.Time     `yaml:"began"`
	Took     time.Duration `yaml:"took"`
	Verdict  Verdict       `yaml:"verdict"`
	Failures []string      `yaml:"failures,omitempty"`
	// Injections are those that did harm.
	Injections int `yaml:"injections"`
	// ByFault counts them by fault.
	ByFault map[string]int `yaml:"by_fault,omitempty"`
	Cells   []Cell         `yaml:"cells"`
	// Recovery is from an injection's end to the next acknowledged write.
	Recovery Spread `yaml:"recovery"`
	// Outage is from the loss of a leader to the first acknowledged write.
	Outage Spread `yaml:"outage"`
	// Outages are all of them, in milliseconds; -1 is one that did not end.
	Outages []int64  `yaml:"outages,flow,omitempty"`
	Notes   []string `yaml:"notes,omitempty"`
}

// Verdict is how a run ended.
type Verdict string

const (
	// Passed: everything was decided, and nothing was wrong.
	Passed Verdict = "passed"
	// Violated: a promise was broken.
	Violated Verdict = "violated"
	// Inconclusive: something could not be decided, which counts as failed.
	Inconclusive Verdict = "inconclusive"
	// Broken: the harness could not do what the spec says.
	Broken Verdict = "broken"
)

// Cell is one workload of a run.
type Cell struct {
	Workload string `yaml:"workload"`
	// Operations are the calls and events that a checker decided about, each
	// counted once, however many checkers looked at it.
	Operations   int64    `yaml:"operations"`
	Violations   int      `yaml:"violations"`
	Inconclusive int      `yaml:"inconclusive"`
	Proof        []string `yaml:"proof,omitempty"`
}

// Spread is a distribution of times.
type Spread struct {
	Count int           `yaml:"count"`
	P50   time.Duration `yaml:"p50"`
	P99   time.Duration `yaml:"p99"`
	Max   time.Duration `yaml:"max"`
}

// spread rounds what the checker measured.
func spread(s check.Spread) Spread {
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return Spread{Count: s.Count, P50: round(s.P50), P99: round(s.P99), Max: round(s.Max)}
}

// proofs is how many violations of a cell are told in the result.
const proofs = 10

// Judge puts what the checkers found into the result.
func (r *Result) Judge(found check.Report, failed error) {
	byWorkload := map[history.Workload]*Cell{}
	for _, w := range append([]history.Workload{history.Harness}, history.Workloads...) {
		byWorkload[w] = &Cell{Workload: w.String()}
	}
	r.Verdict, r.Cells, r.Notes, r.Failures = Passed, nil, nil, nil
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
	r.Outage, r.Recovery, r.Outages = spread(found.Outage.Leader), Spread{}, nil
	for _, took := range found.Outage.Leader.Times {
		r.Outages = append(r.Outages, took.Milliseconds())
	}
	for range found.Outage.Leader.Never {
		r.Outages = append(r.Outages, -1)
	}
	for _, f := range found.Outage.Faults {
		if one := spread(f.Ended); one.P99 >= r.Recovery.P99 {
			r.Recovery = one // of several faults that took turns, the slowest
		}
	}
	if failed != nil {
		r.Failures = append(r.Failures, failed.Error())
		if r.Verdict == Passed || r.Verdict == Inconclusive {
			r.Verdict = Broken
		}
	}
}

// Operations are those of all cells.
func (r *Result) Operations() (n int64) {
	for _, c := range r.Cells {
		n += c.Operations
	}
	return n
}

// Write writes the result to a file.
func (r *Result) Write(path string) error { return spec.Write(path, r) }

// Read reads a result.
func Read(path string) (*Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Result
	return &r, yaml.Unmarshal(text, &r)
}
