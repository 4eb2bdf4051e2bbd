package report

import (
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/spec"
)

func TestVerdict(t *testing.T) {
	checked := check.Result{Checker: "linear", Workload: history.Registers, Checked: 7}
	wrong, open := checked, checked
	wrong.Violations = []check.Violation{{What: "a write is missing"}}
	open.Inconclusive, open.Undecided = 1, []check.Violation{{What: "too long"}}
	for _, c := range []struct {
		what    string
		results []check.Result
		failed  error
		want    Verdict
	}{
		{"nothing wrong", []check.Result{checked}, nil, Passed},
		{"a violation", []check.Result{checked, wrong}, nil, Violated},
		{"not decided", []check.Result{open}, nil, Inconclusive},
		{"a violation and not decided", []check.Result{open, wrong}, nil, Violated},
		{"the cluster does not come back", []check.Result{checked}, errBroken{}, Broken},
		{"a violation, and it does not come back", []check.Result{wrong}, errBroken{}, Violated},
	} {
		r := Result{Spec: spec.Spec{Fault: spec.None, Workloads: []string{"registers"}}}
		r.Judge(check.Report{Results: c.results}, map[history.Workload]int64{history.Registers: 1}, c.failed)
		if r.Verdict != c.want {
			t.Errorf("%s: %s, want %s", c.what, r.Verdict, c.want)
		}
		if r.Operations() != 7 {
			t.Errorf("%s: %d operations: those of one workload count once", c.what, r.Operations())
		}
	}
}

type errBroken struct{}

func (errBroken) Error() string { return "not whole again" }

func TestScorecard(t *testing.T) {
	r := &Result{
		Spec:   spec.Spec{Fault: "F01", Seed: 3, Nodes: 3, Duration: time.Minute, Rate: 1},
		Commit: "abc", Verdict: Violated, Injections: 20, ByFault: map[string]int{"F01": 20, "F02": 7},
		Cells:    []Cell{{Workload: "registers", Operations: 1234567, Violations: 2}, {Workload: "queues", Operations: 5}},
		Recovery: Spread{P99: 80 * time.Millisecond},
		Outages:  []int64{900, -1, 700, 1100},
		Notes:    []string{"token: outside register: 9 writes with the token (2 stale ones refused), 400 without, of which 3 lost an update"},
	}
	var text strings.Builder
	if err := Scorecard(&text, []*Result{r, r}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| F01 kill-one | registers | 2 | 0 | 40 | 2,469,134 | 4 | 0 | 80ms | abc | `go run ./test/faults run --fault F01 --seed 3 --nodes 3 --duration 1m0s` |",
		"| 2 | 0 | 0.0 | 2 of 28 | 40 | 2,469,144 | 4 | 0 | 40 | 14 | 0 | 0 |",
		"8 times: p50 1100 ms, p99 never, max never; 2 times none until the end",
		"6 of 800 updates were lost",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in\n%s", want, text.String())
		}
	}
	if strings.Index(text.String(), "| registers |") > strings.Index(text.String(), "| queues |") {
		t.Error("workloads are not in their order")
	}
}

// What never ended is longer than everything that did.
func TestScorecardOfWhatNeverEnds(t *testing.T) {
	bad := &Result{
		Spec: spec.Spec{Fault: "disk", Nodes: 3, Duration: time.Minute, Rate: 1}, Verdict: Broken,
		ByFault: map[string]int{"F16": 3, "F17": 0}, Cells: []Cell{{Workload: "queues"}},
		Recovery: Spread{Count: 3, P99: 10 * time.Millisecond, Never: 2},
	}
	good := *bad
	good.Verdict, good.Recovery.Never = Passed, 0
	var text strings.Builder
	if err := Scorecard(&text, []*Result{bad, &good}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 2 | 1 | 0.0 | 1 of 28 |",
		"| disk | queues | 2 | 1 | 0 | 0 | 0 | 0 | 10ms, 2 never |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in\n%s", want, text.String())
		}
	}
	var r Result
	r.Judge(check.Report{Outage: check.Outages{Faults: []check.Recovery{
		{Fault: "F01", Ended: check.Spread{Count: 9, P99: time.Second}},
		{Fault: "F02", Ended: check.Spread{Count: 2, Never: 2}},
	}}}, nil, nil)
	if r.Recovery.Never != 2 {
		t.Errorf("a fault after which no write came is told as %+v", r.Recovery)
	}
}

// The sentence about the control is made of what package check counted, also of runs
// that were judged before it counted lost updates of both.
func TestControl(t *testing.T) {
	write := func(token int64, fenced, lost bool) history.Record {
		return history.Record{Workload: history.Mutexes, Kind: history.OutsideWrite, Key: "m", Token: token, Fenced: fenced, Lost: lost}
	}
	var r Result
	r.Judge(check.Run([]history.Record{write(1, true, false), write(2, true, true), write(3, false, true), write(4, false, false)}, check.Options{}), nil, nil)
	for _, c := range []struct {
		notes []string
		want  string
	}{
		{r.Notes, "Control: 1 of 2 updates were lost of a register that does not ask for tokens; 1 of 2 of the one beside it, which does.\n"},
		{[]string{"token: outside register: 9 writes with the token (2 stale ones refused), 400 without, of which 3 lost an update"},
			"Control: 3 of 400 updates were lost of a register that does not ask for tokens.\n"},
		{nil, ""},
	} {
		var at control
		at.add(c.notes)
		var text strings.Builder
		if at.write(&text); strings.TrimLeft(text.String(), "\n") != c.want {
			t.Errorf("%q makes %q", c.notes, text.String())
		}
	}
}
