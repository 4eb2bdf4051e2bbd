package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// most is how many violations of a checker in a workload are told one by one.
// Another one says how many there are beyond.
const most = 100

// tally collects what one checker finds, by workload.
type tally struct {
	checker    string
	records    []history.Record
	counted    []uint64 // a bit for each record
	byWorkload map[history.Workload]*Result
	beyond     map[history.Workload]int
}

func newTally(name string, records []history.Record) *tally {
	return &tally{checker: name, records: records, counted: make([]uint64, (len(records)+63)/64),
		byWorkload: make(map[history.Workload]*Result), beyond: make(map[history.Workload]int)}
}

func (t *tally) of(w history.Workload) *Result {
	r := t.byWorkload[w]
	if r == nil {
		r = &Result{Checker: t.checker, Workload: w}
		t.byWorkload[w] = r
	}
	return r
}

// checked counts a record about which the checker decided, once.
func (t *tally) checked(record int) {
	word, bit := &t.counted[record/64], uint64(1)<<(record%64)
	if *word&bit == 0 {
		*word |= bit
		t.of(t.records[record].Workload).Checked++
	}
}

// violation reports a broken promise; it counts for the workload of the first of
// the records that prove it.
func (t *tally) violation(records []int, format string, args ...any) {
	w := t.workload(records)
	r := t.of(w)
	if len(r.Violations) >= most {
		t.beyond[w]++
		return
	}
	r.Violations = append(r.Violations, Violation{What: fmt.Sprintf(format, args...), Records: records})
}

// undecided reports what counts as failed because it is not known.
func (t *tally) undecided(records []int, format string, args ...any) {
	r := t.of(t.workload(records))
	r.Inconclusive++
	if len(r.Undecided) < most {
		r.Undecided = append(r.Undecided, Violation{What: fmt.Sprintf(format, args...), Records: records})
	}
}

func (t *tally) note(w history.Workload, format string, args ...any) {
	r := t.of(w)
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (t *tally) workload(records []int) history.Workload {
	if len(records) == 0 {
		return history.Harness
	}
	return t.records[records[0]].Workload
}

func (t *tally) results() []Result {
	var results []Result
	for _, w := range slices.Sorted(maps.Keys(t.byWorkload)) {
		r := t.byWorkload[w]
		if n := t.beyond[w]; n > 0 {
			r.Violations = append(r.Violations, Violation{What: fmt.Sprintf("and %d more", n)})
		}
		results = append(results, *r)
	}
	return results
}
