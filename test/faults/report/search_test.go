package report

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/internal/planted"
	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/spec"
)

func TestSearches(t *testing.T) {
	var text strings.Builder
	err := Searches(&text, []*Search{
		{Tag: "mutant_01", Name: "one", Fault: "F01", Expected: "Queues", Took: 3 * time.Minute, Seed: 2, By: []string{"queues", "lists"}, Proof: "linear: lost"},
		{Tag: "mutant_02", Name: "two", Fault: "F02", Runs: 5},
		{Tag: "mutant_03", Name: "three", Fault: "F02", Runs: 5, Broken: 4},
		{Tag: "mutant_04", Name: "four", Fault: "F03", Expected: "Leases, Mutexes", Took: 5 * time.Minute, By: []string{"queues", "watches"}},
		{Tag: "mutant_nosync", Name: "control", Fault: "F15", Control: true, Took: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2 of 4 were found, 1 of them in other workloads than expected, the median after 5m0s",
		"| F02 | **not found** |", "| F02 | **not found**; 4 of 5 runs were broken |", "| queues, lists | linear: lost |",
		"| queues, watches (**elsewhere**; expected: Leases, Mutexes) |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in\n%s", want, text.String())
		}
	}
}

// A bug may be found anywhere in the workloads that its plant names, and nowhere else.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		expected string
		by       []string
		want     bool
	}{
		{"Registers, Lists", []string{"lists", "watches"}, false},
		{"Registers, Counters via etcd; Leases", []string{"leases"}, false},
		{"Registers, Lists", []string{"watches"}, true},
		{"Registers", []string{"harness"}, true},
		{"Registers", []string{"the run itself"}, true},
		{"Registers; the harness", []string{"harness"}, false},
		{"Registers, all via etcd", []string{"watches"}, false},
		{"", []string{"watches"}, false},
	} {
		s := &Search{Took: time.Second, Expected: c.expected, By: c.by}
		if s.Elsewhere() != c.want {
			t.Errorf("%q was expected, and %v is elsewhere: %v", c.expected, c.by, !c.want)
		}
	}
	for _, plant := range planted.All {
		if names, any := expected(plant.Workloads); len(names) == 0 && (!any || !strings.Contains(plant.Workloads, "all")) {
			t.Errorf("%s is expected in %q, which names no workload", plant.Tag, plant.Workloads)
		}
	}
}

// A search of before the expectation was kept has that of its plant.
func TestReadSearch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "search.yaml")
	for expected, want := range map[string]string{"": planted.All[1].Workloads, "Queues": "Queues"} {
		if err := (&Search{Tag: planted.All[1].Tag, Expected: expected}).Write(path); err != nil {
			t.Fatal(err)
		}
		if s, err := ReadSearch(path); err != nil || s.Expected != want {
			t.Errorf("%q is expected, want %q: %v", s.Expected, want, err)
		}
	}
}

// What the harness could not do is no find; what the nodes kept from its end is one,
// also when the run is judged again from its file.
func TestWrong(t *testing.T) {
	broken := check.Report{Results: []check.Result{{Workload: history.Queues, Violations: []check.Violation{{What: "lost"}}}}}
	open := check.Report{Results: []check.Result{{Workload: history.Queues, Inconclusive: 1}}}
	unwell := rig.Unwell{Err: errors.New("n1 does not serve")}
	for _, c := range []struct {
		what   string
		found  check.Report
		failed error
		want   bool
	}{
		{"nothing", check.Report{}, nil, false},
		{"undecided", open, nil, false},
		{"a violation", broken, nil, true},
		{"a violation, and the harness failed", broken, errors.New("no room"), true},
		{"the harness failed", check.Report{}, errors.New("node n1 runs already"), false},
		{"the nodes failed", check.Report{}, fmt.Errorf("injection 3: %w", errors.Join(errors.New("after all"), unwell)), true},
	} {
		r := Result{Spec: spec.Spec{Fault: spec.None, Workloads: []string{"queues"}}}
		for range 2 {
			if r.Judge(c.found, map[history.Workload]int64{history.Queues: 1}, c.failed); r.Wrong() != c.want {
				t.Errorf("%s: wrong %v", c.what, r.Wrong())
			}
			if c.failed != nil {
				c.failed = errors.New(c.failed.Error())
			}
		}
	}
}

// What is shown of a run does not say where on the machine it was.
func TestFoundWithoutPlaces(t *testing.T) {
	var s Search
	s.Found(&Result{Cells: []Cell{
		{Workload: "queues"},
		{Workload: "harness", Violations: 1, Proof: []string{"n2 cannot open /disk/runs/m/1/nodes/n2/data"}},
	}}, "/disk/runs/m/1")
	if s.Proof != "n2 cannot open nodes/n2/data" || len(s.By) != 1 || s.By[0] != "harness" {
		t.Errorf("found by %v: %s", s.By, s.Proof)
	}
}
