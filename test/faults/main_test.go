package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/report"
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

// The specs of the repository can be run, and those of seeds say what they once found.
func TestSpecsOfTheRepository(t *testing.T) {
	for pattern, least := range map[string]int{"specs/ci-*.yaml": 4, "specs/regress/*.yaml": 3} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) < least {
			t.Errorf("%d files are %s, not %d: %v", len(files), pattern, least, err)
		}
		for _, file := range files {
			s, err := spec.Read(file)
			if err != nil {
				t.Error(err)
				continue
			}
			if strings.Contains(file, "regress") && (s.Why == "" || s.Duration > 15*time.Second) {
				t.Errorf("%s does not say why, or takes %v", file, s.Duration)
			}
			if len(s.Schedule()) == 0 {
				t.Errorf("%s has no injections", file)
			}
		}
	}
}
