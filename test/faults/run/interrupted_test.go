package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// write makes a history with a read of a revision that no log has.
func write(t *testing.T, dir string) {
	t.Helper()
	w, err := history.Create(filepath.Join(dir, HistoryFile))
	if err != nil {
		t.Fatal(err)
	}
	w.Add(history.Record{Workload: history.Watches, Kind: history.WatchOpened, Namespace: "default", Watcher: 1, From: 1, Truth: true})
	w.Add(history.Record{Workload: history.Registers, Kind: history.Txn, Namespace: "default", Call: 5, Return: 6, Revision: 9,
		Succeeded: true, Then: []history.Op{{Type: history.Put, Key: "r/1", Value: "a"}}})
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
}

// The log of a run that was interrupted has not told everything. What is not in it is no
// violation, now or when the run is judged again.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	r := run{spec: spec.Spec{Fault: spec.None}, opt: Options{Out: dir}}
	result, err := r.judge(errors.Join(errInterrupted, errors.New("no client is left")))
	for range 2 {
		if err != nil || result.Verdict != report.Interrupted || len(result.Cells) > 0 || result.Unjudged == "" {
			t.Fatalf("%v: %+v", err, result)
		}
		if result, err = report.Read(filepath.Join(dir, ResultFile)); err != nil {
			t.Fatal(err)
		}
		err = Judge(dir, result, nil)
	}
}

// A run that is interrupted before there is a history has a result, too.
func TestInterruptedAtOnce(t *testing.T) {
	if err := rig.Capable(rig.Networks); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	opt := Options{Out: filepath.Join(t.TempDir(), "run"), Work: t.TempDir()}
	result, err := Do(ctx, spec.Spec{Fault: spec.None, Nodes: 1}, opt)
	if err != nil || result.Verdict != report.Interrupted {
		t.Fatalf("%+v: %v", result, err)
	}
	if result, err = report.Read(filepath.Join(opt.Out, ResultFile)); err != nil || result.Verdict != report.Interrupted {
		t.Errorf("%+v: %v", result, err)
	}
}

// A result does not go on to say that a run has passed whose history is damaged. When
// the history is back, the run is judged as ever.
func TestDamagedHistory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, HistoryFile)
	write(t, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	result := &report.Result{Spec: spec.Spec{Fault: spec.None}, Verdict: report.Passed}
	if err = os.WriteFile(path, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	failed := Judge(dir, result, nil)
	kept, err := report.Read(filepath.Join(dir, ResultFile))
	if failed == nil || err != nil || kept.Verdict != report.Broken || !strings.Contains(kept.Unjudged, "cut short") {
		t.Fatalf("%v: %+v, %v", failed, kept, err)
	}
	if err = os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err = Judge(dir, kept, nil); err != nil || len(kept.Cells) == 0 || kept.Unjudged != "" {
		t.Errorf("with its history again: %v, %+v", err, kept)
	}
}

// A run in the directory of another one changes nothing there.
func TestDirectoryOfAnotherRun(t *testing.T) {
	for _, name := range []string{SpecFile, ScheduleFile, HistoryFile, ResultFile} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		err := prepare(spec.Spec{}, Options{Out: dir, Work: filepath.Join(dir, "nodes")})
		left, _ := os.ReadDir(dir)
		if err == nil || !strings.Contains(err.Error(), "another run") || len(left) != 1 {
			t.Errorf("with a %s: %v, and %d files are there", name, err, len(left))
		}
	}
}
