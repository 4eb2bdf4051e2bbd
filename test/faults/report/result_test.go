package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// A run in which nothing happened does not pass.
func TestVerdictOfAnIdleRun(t *testing.T) {
	both := map[history.Workload]int64{history.Registers: 9, history.Queues: 1}
	harm := map[string]int{"F01": 2}
	for _, c := range []struct {
		what         string
		spec         spec.Spec
		acknowledged map[history.Workload]int64
		done, vain   map[string]int
		says         string // "" = it passes
	}{
		{"everything", spec.Spec{Fault: "F01"}, both, harm, nil, ""},
		{"no fault was asked for", spec.Spec{Fault: "none"}, both, nil, nil, ""},
		{"no record", spec.Spec{Fault: "F01"}, nil, harm, nil, "of the workload registers"},
		{"one workload", spec.Spec{Fault: "F01"}, map[history.Workload]int64{history.Registers: 9}, harm, nil, "of the workload queues"},
		{"no injection", spec.Spec{Fault: "F01"}, both, nil, nil, "no injection"},
		{"one fault is idle", spec.Spec{Fault: "F01,F16"}, both, harm, map[string]int{"F16": 3}, "F16 did no harm in 3 turns"},
		{"one fault had no turn", spec.Spec{Fault: "F01,F16"}, both, harm, nil, ""},
		{"no such workload", spec.Spec{Fault: "none", Workloads: []string{"quantum"}}, both, nil, nil, "quantum"},
	} {
		if c.spec.Workloads == nil {
			c.spec.Workloads = []string{"registers", "queues"}
		}
		r := Result{Spec: c.spec, ByFault: c.done, Vain: c.vain, Injections: len(c.done)}
		r.Judge(check.Report{}, c.acknowledged, nil)
		want := Inconclusive
		if c.says == "" {
			want = Passed
		}
		if says := strings.Join(r.Idle, "; "); r.Verdict != want || !strings.Contains(says, c.says) || c.says == "" && says != "" {
			t.Errorf("%s: %s, %q", c.what, r.Verdict, says)
		}
	}
	r := Result{Spec: spec.Spec{Fault: "none"}}
	r.Judge(check.Report{}, nil, nil)
	if r.Verdict != Inconclusive || len(r.Idle) != len(history.Workloads) {
		t.Errorf("without workloads all are asked for: %s, %q", r.Verdict, r.Idle)
	}
}

func TestResultOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result.yaml")
	r := Result{Spec: spec.Spec{Fault: "F01"}, Verdict: Passed, Idle: []string{"a"}, Vain: map[string]int{"F01": 1}}
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || got.Verdict != Passed || got.Vain["F01"] != 1 || len(got.Idle) != 1 {
		t.Errorf("%+v: %v", got, err)
	}
	if err = os.WriteFile(path, []byte("verdcit: passed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Read(path); err == nil || !strings.Contains(err.Error(), "verdcit") {
		t.Errorf("a key that nobody knows: %v", err)
	}
}
