package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/run"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// The exit code is 0 only when every run has passed and all together were enough.
func TestExitCodes(t *testing.T) {
	passed := report.Result{Verdict: report.Passed, Injections: 3, ByFault: map[string]int{"F01": 3}, Cells: []report.Cell{{Operations: 50}}}
	violated, idle, broken := passed, passed, passed
	violated.Verdict, idle.Verdict, broken.Verdict = report.Violated, report.Inconclusive, report.Broken
	for _, c := range []struct {
		what    string
		faults  []string
		results []report.Result
		failed  error
		least   totals
		want    int
	}{
		{"passed", []string{"F01"}, []report.Result{passed}, nil, totals{}, 0},
		{"enough together", []string{"F01", "F01"}, []report.Result{passed, passed}, nil, totals{operations: 100, injections: 6}, 0},
		{"violated first", []string{"F01", "F01"}, []report.Result{violated, passed}, nil, totals{}, 1},
		{"inconclusive", []string{"F01"}, []report.Result{idle}, nil, totals{}, 1},
		{"broken", []string{"F01"}, []report.Result{broken}, nil, totals{}, 1},
		{"too few operations", []string{"F01"}, []report.Result{passed}, nil, totals{operations: 51}, 2},
		{"too few injections", []string{"F01"}, []report.Result{passed}, nil, totals{injections: 4}, 2},
		{"a fault of which there was none", []string{"F01", "F02"}, []report.Result{passed, passed}, nil, totals{injections: 1}, 2},
		{"found, and too little", []string{"F01"}, []report.Result{violated}, nil, totals{operations: 51}, 1},
		{"no run", []string{"F01"}, nil, errors.New("no cluster"), totals{}, 2},
	} {
		var specs []spec.Spec
		for _, f := range c.faults {
			specs = append(specs, spec.Spec{Fault: f})
		}
		done := 0
		err := doAll(t.Context(), specs, runFlags{binary: "conclave", previous: "conclave"}, c.least,
			func(context.Context, spec.Spec, string, runFlags, []spec.Injection) (*report.Result, error) {
				if done++; c.failed != nil {
					return nil, c.failed
				}
				return &c.results[done-1], nil
			})
		if got := exitCode(err); got != c.want || done != len(c.faults) {
			t.Errorf("%s: %d after %d runs, want %d: %v", c.what, got, done, c.want, err)
		}
	}
}

// A run that ended before it had a result is named, and the others are in the table.
func TestTableWithoutAResult(t *testing.T) {
	there, gone := t.TempDir(), t.TempDir()
	passed := report.Result{
		Spec: spec.Spec{Fault: "F01", Seed: 7}, Verdict: report.Passed, Injections: 3, ByFault: map[string]int{"F01": 3},
		Cells: []report.Cell{{Workload: "lease", Operations: 4321}},
	}
	if err := passed.Write(filepath.Join(there, run.ResultFile)); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := table(&text, []string{gone, there}); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("of the run without a result is said: %v", err)
	}
	if !strings.Contains(text.String(), "4,321") {
		t.Errorf("the run with a result is missing:\n%s", text.String())
	}
	if err := table(io.Discard, []string{gone}); err == nil {
		t.Error("a table of nothing is written, without an error")
	}
}

// What selects nothing is an error, not a success.
func TestSelections(t *testing.T) {
	if specs, err := specsOf(spec.Spec{Fault: "none"}, nil, true); err == nil {
		t.Errorf("one run for each of no faults: %v", specs)
	}
	if specs, err := specsOf(spec.Spec{Fault: "network"}, nil, true); err != nil || len(specs) != 7 {
		t.Errorf("%d runs for the network: %v", len(specs), err)
	}
	if plants, err := chosen([]string{"mutant_01", "mutant_99"}); err == nil || !strings.Contains(err.Error(), "mutant_99") {
		t.Errorf("a bug that nobody planted is looked for: %v, %v", plants, err)
	}
	if plants, err := chosen([]string{"mutant_03"}); err != nil || len(plants) != 1 || plants[0].Tag != "mutant_03" {
		t.Errorf("chosen: %v, %v", plants, err)
	}
	if plants, err := chosen(nil); err != nil || len(plants) < 27 {
		t.Errorf("of all %d are chosen: %v", len(plants), err)
	}
}

// Each run has its data to itself.
func TestWork(t *testing.T) {
	one, other := workOf(runFlags{work: "/disk"}, "runs/F01-1"), workOf(runFlags{work: "/disk"}, "runs/F01-2")
	if one == other || !strings.HasPrefix(one, "/disk/") {
		t.Errorf("two runs work in %s and %s", one, other)
	}
	if got := workOf(runFlags{}, "runs/F01-1"); got != "runs/F01-1/nodes" {
		t.Errorf("a run works in %s", got)
	}
}

// Specs of seeds say what they once found, and are short.
func TestSpecsOfSeeds(t *testing.T) {
	for _, s := range specsIn(t, "specs/regress/*.yaml") {
		if s.Why == "" || s.Duration > 15*time.Second || len(s.Schedule()) == 0 {
			t.Errorf("%s, seed %d, does not say why, or takes %v, or has no injections", s.Fault, s.Seed, s.Duration)
		}
	}
}

// What CI runs does not depend on how fast the machine is: its runs end after a number
// of turns in which each fault has two at least, so that one may come to nothing, and
// all together have more than `make faults` asks for.
func TestSpecsOfCI(t *testing.T) {
	turns := map[string]int{}
	sum := 0
	for _, s := range specsIn(t, "specs/ci-*.yaml") {
		faults, err := s.Faults()
		if err != nil {
			t.Fatal(err)
		}
		schedule := s.Schedule()
		if len(schedule) != s.Injections || s.Injections < 2*len(faults) || s.Injections%len(faults) != 0 {
			t.Errorf("%s: %d turns, %d of them in the schedule, are no whole rounds of %d faults, two at least",
				s.Fault, s.Injections, len(schedule), len(faults))
		}
		for _, injection := range schedule {
			turns[injection.Fault]++
		}
		sum += len(schedule)
	}
	for _, f := range fault.All {
		if turns[f.ID] == 0 {
			t.Errorf("CI has no turn of %s", f.ID)
		}
	}
	if sum < 110 {
		t.Errorf("%d turns are hardly the 100 injections that `make faults` asks for", sum)
	}
}

// specsIn reads the specs of some files, of which there is one at least.
func specsIn(t *testing.T, pattern string) (specs []spec.Spec) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no file %s: %v", pattern, err)
	}
	for _, file := range files {
		s, err := spec.Read(file)
		if err != nil {
			t.Error(err)
		}
		specs = append(specs, s)
	}
	return specs
}
