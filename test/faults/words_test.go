package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/run"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// What a command line cannot mean is refused, in one sentence of the user's words.
func TestWrongCommandLines(t *testing.T) {
	old := t.TempDir()
	if err := spec.Write(filepath.Join(old, run.SpecFile), spec.Spec{Fault: "F01"}); err != nil {
		t.Fatal(err)
	}
	const file = "specs/ci-disk.yaml"
	for _, c := range []struct{ line, says string }{
		{"run --spec " + file + " --fault F01 --seed 4", "--spec cannot have --fault, --seed beside it"},
		{"run --spec=", "--spec names no file"},
		{"run --fault=", "--fault names no fault"},
		{"run --workloads=", "--workloads names none"},
		{"run --nodes 0", "1 to 7 nodes"},
		{"run --duration 0s", "1s to 24h"},
		{"run --rate 0", "a rate up to 100"},
		{"run --seed 0", "a seed is 1 at least"},
		{"run --seed many", `--seed takes a whole number from 0 on, not "many"`},
		{"run --duration long", `--duration takes a time such as 30s, not "long"`},
		{"run --fault F01 --dir " + old, "of another run"},
		{"run --spec " + file + "," + file + " --dir x", "--dir is for one run, and these are 2"},
		{"run F01", `"F01" is one argument too many; it is used as: faults run`},
		{"check", "an argument is missing; it is used as: faults check RUN..."},
		{"replay", "it is used as: faults replay RUN"},
		{"show a b c", `"c" is one argument too many`},
	} {
		cmd := root()
		cmd.SetArgs(strings.Fields(c.line))
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what is not refused ends soon
		err := cmd.ExecuteContext(ctx)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "strconv") || exitCode(err) != 2 {
			t.Errorf("%s: %v", c.line, err)
		}
	}
	if left, err := os.ReadDir(old); err != nil || len(left) != 1 {
		t.Errorf("%d files are in the directory of another run: %v", len(left), err)
	}
}

// A run is repeated where the flags say, or beside the old one.
func TestWhereReplaysGo(t *testing.T) {
	old, out := filepath.Join(t.TempDir(), "F01-4"), t.TempDir()
	for _, c := range []struct {
		flags runFlags
		want  string
	}{
		{runFlags{}, old + "-again-"},
		{runFlags{out: out}, filepath.Join(out, "F01-4-again-")},
		{runFlags{out: out, dir: filepath.Join(out, "x")}, filepath.Join(out, "x")},
	} {
		c.flags.binary, c.flags.previous = "conclave", "conclave"
		err := replay(t.Context(), spec.Spec{Fault: "F01"}, nil, old, c.flags,
			func(_ context.Context, _ spec.Spec, dir string, _ runFlags, _ []spec.Injection) (*report.Result, error) {
				if !strings.HasPrefix(dir, c.want) {
					t.Errorf("%s, not %s", dir, c.want)
				}
				return &report.Result{Verdict: report.Passed}, nil
			})
		if err != nil {
			t.Error(err)
		}
	}
}

// Runs of which one is interrupted end there, as the harness failed.
func TestInterruptedRuns(t *testing.T) {
	runs := 0
	err := doAll(t.Context(), make([]spec.Spec, 3), runFlags{binary: "conclave", previous: "conclave"}, totals{},
		func(context.Context, spec.Spec, string, runFlags, []spec.Injection) (*report.Result, error) {
			r := &report.Result{Verdict: report.Passed}
			if runs++; runs == 2 {
				r.Interrupt()
			}
			return r, nil
		})
	if err == nil || !strings.HasSuffix(err.Error(), ": interrupted, not judged") || exitCode(err) != 2 || runs != 2 {
		t.Errorf("%v after %d runs", err, runs)
	}
}

// A run that cannot be judged is told, and does not keep the next one from its turn.
func TestCheckOfWhatCannotBeJudged(t *testing.T) {
	dir := t.TempDir()
	whole, ended, damaged := filepath.Join(dir, "whole"), filepath.Join(dir, "ended"), filepath.Join(dir, "damaged")
	for _, path := range []string{whole, ended, damaged} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		w, err := history.Create(filepath.Join(path, run.HistoryFile))
		if err != nil {
			t.Fatal(err)
		}
		r := report.Result{Spec: spec.Spec{Fault: spec.None}, Verdict: report.Passed}
		if path == ended {
			r.Interrupt()
		}
		if err = r.Write(filepath.Join(path, run.ResultFile)); err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(damaged, run.HistoryFile), 3); err != nil {
		t.Fatal(err)
	}
	err := checkAll([]string{ended, damaged})
	if err == nil || !strings.Contains(err.Error(), ended+": interrupted, not judged") || !strings.Contains(err.Error(), "is damaged") || exitCode(err) != 2 {
		t.Errorf("got %v", err)
	}
	if err = checkAll([]string{damaged, whole}); exitCode(err) != 1 { // nothing was acknowledged in it
		t.Errorf("with one that can be judged: %v", err)
	}
}
