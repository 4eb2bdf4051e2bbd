package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// A run that was not judged is among the runs of a grid, and nothing of it counts.
func TestUnjudged(t *testing.T) {
	sound := Result{
		Spec: spec.Spec{Fault: "F01", Workloads: []string{"queues"}}, Verdict: Violated, Injections: 5,
		ByFault: map[string]int{"F01": 5}, Cells: []Cell{{Workload: "queues", Operations: 9, Violations: 40}},
		Outages: []int64{7}, Recovery: Spread{Count: 5, Never: 1}, Notes: []string{"a"}, Took: time.Hour,
	}
	interrupted, damaged := sound, sound
	interrupted.Interrupt()
	damaged.Unreadable(errors.New("it is damaged"))
	for _, r := range []*Result{&interrupted, &damaged} {
		var text strings.Builder
		if err := Scorecard(&text, []*Result{r}); err != nil {
			t.Fatal(err)
		}
		if want := "| 1 | 0 | 0.0 | 0 of 28 | 0 | 0 | 0 | 0 |"; !strings.Contains(text.String(), want) || strings.Contains(text.String(), "| queues |") {
			t.Errorf("%s: there is no %q, or a row, in\n%s", r.Verdict, want, text.String())
		}
		if r.Unjudged == "" || r.Wrong() || r.Operations() != 0 || len(r.Outages) > 0 || r.Recovery.Count > 0 {
			t.Errorf("something is left: %+v", r)
		}
	}
	interrupted.Unreadable(errors.New("it is damaged"))
	if interrupted.Verdict != Interrupted || damaged.Verdict != Broken {
		t.Errorf("%s and %s", interrupted.Verdict, damaged.Verdict)
	}
	if damaged.Judge(check.Report{}, map[history.Workload]int64{history.Queues: 1}, nil); damaged.Verdict != Passed || damaged.Unjudged != "" {
		t.Errorf("with its history again it is %s, %q", damaged.Verdict, damaged.Unjudged)
	}
}
