// Package report keeps what came of a run and shows many of them as a scorecard.
package report

import (
	"fmt"
	"os"
	"time"

	"github.com/conclavehq/conclave/test/faults/spec"
)

// Result is what came of a run, as result.yaml in its directory says it.
type Result struct {
	Spec spec.Spec `yaml:"spec"`
	// Commit is of the source that ran, with a + when it was changed; "" = not known.
	Commit string `yaml:"commit"`
	// Binary is the start of the SHA-256 of the program that ran.
	Binary string    `yaml:"binary"`
	Go     string    `yaml:"go"`
	Kernel string    `yaml:"kernel"`
	Began  time.Time `yaml:"began"`
	// Took is from the start of the cluster to the end of its processes, without the
	// judgement.
	Took    time.Duration `yaml:"took"`
	Verdict Verdict       `yaml:"verdict"`
	// Failures are what kept the run from being done as its spec says; none if nothing.
	Failures []string `yaml:"failures,omitempty"`
	// Unjudged says why no checker has looked at the run; "" = they all have. Then it has
	// no cells, and no times.
	Unjudged string `yaml:"unjudged,omitempty"`
	// ByNodes says that the nodes caused the failure, not the harness: see rig.Unwell.
	ByNodes bool `yaml:"by_nodes,omitempty"`
	// Idle says what the spec asked for and the run did not do, so that nothing is
	// proved of it.
	Idle []string `yaml:"idle,omitempty"`
	// Injections are those that did harm.
	Injections int `yaml:"injections"`
	// ByFault counts them by fault.
	ByFault map[string]int `yaml:"by_fault,omitempty"`
	// Vain counts, by fault, the turns in which there was nobody to do harm to.
	Vain  map[string]int `yaml:"vain,omitempty"`
	Cells []Cell         `yaml:"cells"`
	// Recovery is from an injection's end to the next acknowledged write; of several
	// faults that took turns, the slowest.
	Recovery Spread `yaml:"recovery"`
	// Outage is from the loss of a leader to the first acknowledged write.
	Outage Spread `yaml:"outage"`
	// Outages are all of them, in milliseconds; -1 is one that did not end.
	Outages []int64 `yaml:"outages,flow,omitempty"`
	// Notes are figures of the checkers that are no judgement, each after its checker.
	Notes []string `yaml:"notes,omitempty"`
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
	// Interrupted: its user ended the run. What the log says in the end was not read, so
	// that nothing can be compared with it, now or later.
	Interrupted Verdict = "interrupted"
)

// Cell is one workload of a run.
type Cell struct {
	// Workload is its name; "harness" are replicas' hashes and complaints.
	Workload string `yaml:"workload"`
	// Operations are the calls and events that a checker decided about, each
	// counted once, however many checkers looked at it.
	Operations int64 `yaml:"operations"`
	// Acknowledged are the calls that the service said yes to, and the events that it
	// told.
	Acknowledged int64 `yaml:"acknowledged"`
	// Violations are broken promises, Inconclusive what could not be decided.
	Violations   int `yaml:"violations"`
	Inconclusive int `yaml:"inconclusive"`
	// Proof tells the first of both in a sentence each, after the checker.
	Proof []string `yaml:"proof,omitempty"`
}

// Wrong tells whether the product did something wrong: a checker found a violation, or
// the nodes kept the run from its end. What the harness could not do is neither.
func (r *Result) Wrong() bool {
	return r.Verdict == Violated || r.Verdict == Broken && r.ByNodes
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
	if err = spec.Decode(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &r, nil
}
