package check

import (
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// Options are the bounds by which a history is judged. The zero value has those
// that are promised.
type Options struct {
	// Timeout is how long porcupine may search in one window of one partition;
	// what is not decided by then is inconclusive. 0: 5 s.
	Timeout time.Duration

	// Late is how much later than its TTL a lease may end while writes are
	// acknowledged. 0: 1 s (promise T3).
	Late time.Duration

	// Polling is what an observer may add to that: the time between two of its
	// questions, where a history does not tell. 0: 250 ms.
	Polling time.Duration

	// Outage is how long nobody's write must have been acknowledged for the
	// time to count as an outage that a lease may be late by. 0: 40 ms, less than
	// what the log clock misses while leaders change.
	Outage time.Duration

	// Fault is the same while a fault is at work. 0: 15 ms, because where leaders change
	// ten times a second the log clock stands still for as long each time.
	Fault time.Duration
}

func (o Options) withDefaults() Options {
	fill := func(d *time.Duration, promised time.Duration) {
		if *d == 0 {
			*d = promised
		}
	}
	fill(&o.Timeout, 5*time.Second)
	fill(&o.Late, time.Second)
	fill(&o.Polling, 250*time.Millisecond)
	fill(&o.Outage, 40*time.Millisecond)
	fill(&o.Fault, 15*time.Millisecond)
	return o
}

// Report is the judgement of a history.
type Report struct {
	Results []Result // one per checker and workload that it found work in
	Outage  Outages
}

// Result is what one checker found in one workload.
type Result struct {
	Checker    string
	Workload   history.Workload
	Checked    int64 // operations and events that it decided about
	Violations []Violation
	// Inconclusive is how many it could not decide; Undecided says why, and has
	// no more than the first of them.
	Inconclusive int
	Undecided    []Violation
	Notes        []string // figures that are no judgement
}

// Violation is a broken promise with its proof: indexes into the records.
type Violation struct {
	What    string
	Records []int
}

// OK tells whether nothing was violated and nothing left undecided.
func (r Report) OK() bool {
	for _, result := range r.Results {
		if len(result.Violations) > 0 || result.Inconclusive > 0 {
			return false
		}
	}
	return true
}

// checker is a function with the name that its results bear.
type checker struct {
	name  string
	check func(*book, *tally)
}

var checkers = []checker{
	{"linear", checkLinear},
	{"registers", checkRegisters},
	{"locks", checkLocks},
	{"cycles", checkCycles},
	{"watch", checkWatches},
	{"token", checkTokens},
	{"lease", checkLeases},
	{"election", checkElections},
	{"queue", checkQueues},
	{"counter", checkCounters},
	{"registry", checkRegistry},
	{"namespaces", checkNamespaces},
	{"compactions", checkCompactions},
	{"refusals", checkRefusals},
	{"hashes", checkHashes},
	{"complaint", checkComplaints},
}

// Run judges the records of one run, in the order in which they were recorded; of none,
// it says nothing. It does not change them, and may be called from several goroutines.
func Run(records []history.Record, opt Options) Report {
	b := open(records, opt.withDefaults())
	var report Report
	for _, c := range checkers {
		t := newTally(c.name, records)
		c.check(b, t)
		report.Results = append(report.Results, t.results()...)
	}
	report.Outage = b.outages()
	return report
}

// Reasons that checkers have to know, as the service gives them.
const (
	Compacted         = "COMPACTED"
	Future            = "FUTURE_REVISION"
	GuardFailed       = "GUARD_FAILED"
	LeaseNotFound     = "LEASE_NOT_FOUND"
	NamespaceNotFound = "NAMESPACE_NOT_FOUND"
)
