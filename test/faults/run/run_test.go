package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// The verdict is that of the history, also when it is judged a second time.
func TestJudge(t *testing.T) {
	put := func(value string, revision int64, at time.Duration) history.Record {
		return history.Record{
			Client: int32(revision), Workload: history.Registers, Kind: history.Txn, Namespace: "default", Succeeded: true,
			Call: at, Return: at + 1, Revision: revision, Then: []history.Op{{Type: history.Put, Key: "r/1", Value: value}},
		}
	}
	told := func(value string, revision, created, version int64) history.Record {
		kv := history.KV{Key: "r/1", Value: value, Created: created, Modified: revision, Version: version}
		return history.Record{Workload: history.Watches, Kind: history.WatchEvent, Namespace: "default", Watcher: 1,
			Call: 50, Return: 50, Revision: revision, Events: []history.Event{{KV: kv}}}
	}
	log := history.Record{Workload: history.Watches, Kind: history.WatchOpened, Namespace: "default", Watcher: 1, From: 1, Truth: true}
	sound := []history.Record{log, put("a", 2, 10), told("a", 2, 2, 1), put("b", 3, 20), told("b", 3, 2, 2)}
	lost := []history.Record{log, put("a", 2, 10), put("b", 3, 20), told("b", 3, 3, 1)}
	complaint := history.Record{Kind: history.Complaint, Key: "F01", Reason: "the process of n1 ended by itself"}
	for _, c := range []struct {
		what    string
		records []history.Record
		failed  error
		want    report.Verdict
	}{
		{"sound", sound, nil, report.Passed},
		{"a write is lost", lost, nil, report.Violated},
		{"a complaint", append(sound[:len(sound):len(sound)], complaint), nil, report.Violated},
		{"the harness failed", sound, errors.New("no disk"), report.Broken},
		{"only the log was told", []history.Record{log, told("b", 2, 2, 1)}, nil, report.Inconclusive},
		{"no record", nil, nil, report.Inconclusive},
	} {
		dir := t.TempDir()
		w, err := history.Create(filepath.Join(dir, HistoryFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.records {
			w.Add(r)
		}
		if err = w.Close(); err != nil {
			t.Fatal(err)
		}
		result := &report.Result{Spec: spec.Spec{Fault: spec.None, Workloads: []string{"registers"}}}
		for range 2 {
			if err = Judge(dir, result, c.failed); err != nil || result.Verdict != c.want {
				t.Errorf("%s: %s, %v, want %s: %+v", c.what, result.Verdict, err, c.want, result)
			}
			if result, err = report.Read(filepath.Join(dir, ResultFile)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Only what was answered, or told to a watcher that somebody opened, is work.
func TestAcknowledged(t *testing.T) {
	count := acknowledged([]history.Record{
		{Workload: history.Watches, Kind: history.WatchOpened, Watcher: 1, Truth: true},
		{Workload: history.Watches, Kind: history.WatchEvent, Watcher: 1},
		{Workload: history.Watches, Kind: history.WatchOpened, Watcher: 2},
		{Workload: history.Watches, Kind: history.WatchEnded, Watcher: 2},
		{Workload: history.Queues, Kind: history.Enqueued, Outcome: history.Unknown},
		{Workload: history.Queues, Kind: history.Enqueued, Outcome: history.Refused},
		{Workload: history.Mutexes, Kind: history.HoldLost},
		{Workload: history.Counters, Kind: history.Incremented},
		{Workload: history.Registry, Kind: history.WatchOpened, Watcher: 3},
		{Workload: history.Registry, Kind: history.WatchProgress, Watcher: 3},
	})
	for w, n := range count {
		if want := w == history.Counters || w == history.Registry; want != (n == 1) {
			t.Errorf("%d of %s were acknowledged", n, w)
		}
	}
	if len(count) != 2 {
		t.Errorf("acknowledged: %v", count)
	}
}

// A process may end by itself of what was done to it, and say so; anything else is
// wrong.
func TestBlame(t *testing.T) {
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	find := func(id string) fault.Fault {
		f, _ := fault.Find(id)
		return f
	}
	turns := []turn{
		{fault: find("F16"), target: "n1, fsync gives EIO", from: at(10), to: at(15)},
		{fault: find("F01"), target: "n2", from: at(20), to: at(25)},
		{fault: find("F23"), target: "n1, 20 MiB of 40", from: at(30), to: at(35)},
	}
	sentence := rig.End{Node: "n1", State: "exit status 1", Explained: true, Said: "no room; the process ends"}
	silent, panicked, killed, other := sentence, sentence, sentence, sentence
	silent.Explained, panicked.Panicked, killed.Killed, killed.Explained, other.Node = false, true, true, false, "n2"
	for _, c := range []struct {
		what  string
		end   rig.End
		at    int
		id    string
		wrong bool
	}{
		{"of the disk", sentence, 12, "F16", false},
		{"of the disk, a moment later", sentence, 16, "F16", false},
		{"of the disk, without a word", silent, 12, "F16", true},
		{"of the disk, in a panic", panicked, 12, "F16", true},
		{"of the disk of another one", other, 12, "F16", true},
		{"when nothing was done", sentence, 28, "no fault", true},
		{"before anything was done", sentence, 1, "no fault", true},
		{"of a fault that lets it live", other, 22, "F01", true},
		{"killed for its memory", killed, 32, "F23", false},
		{"killed while its disk failed", killed, 12, "F16", true},
	} {
		c.end.At = at(c.at)
		id, why := blame(c.end, turns)
		if id != c.id || (why != "") != c.wrong || c.wrong && !strings.Contains(why, c.end.Said) {
			t.Errorf("%s: %s, %q", c.what, id, why)
		}
	}
}

// hanging are clients whose calls end only when they are cut off.
type hanging struct{ cut chan struct{} }

func (h hanging) Stop()  { <-h.cut }
func (h hanging) Close() { close(h.cut) }

// A call that is never answered does not keep the run for ever.
func TestStopCutsOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := stop(ctx, hanging{make(chan struct{})})
	if !errors.Is(err, context.Canceled) || !errors.As(err, &rig.Unwell{}) || !strings.Contains(err.Error(), "calls of clients") {
		t.Errorf("got %v", err)
	}
}

// The seed decides what the network does, too.
func TestSeedOfTheNetwork(t *testing.T) {
	r := run{spec: spec.Spec{Seed: 7}}
	if got := r.rig().Seed; got != 7 {
		t.Errorf("the seed of the network is %d", got)
	}
}

// A machine that lacks something is told before the run, not in the middle of it.
func TestNeeds(t *testing.T) {
	for names, want := range map[string][]rig.Capability{
		spec.None: {rig.Networks},
		"network": {rig.Networks},
		"F14":     {rig.Disks, rig.Networks},
		"disk":    {rig.Disks, rig.Networks, rig.Tracing},
		"load":    {rig.Limits, rig.Networks},
		"all":     {rig.Disks, rig.Limits, rig.Networks, rig.Tracing},
	} {
		faults, err := spec.Spec{Fault: names}.Faults()
		if got := needs(faults); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v: %v", names, got, want, err)
		}
	}
}

// No cluster begins on the data of another run.
func TestWorkOfAnotherRun(t *testing.T) {
	opt := Options{Out: t.TempDir(), Work: t.TempDir()}
	if err := prepare(spec.Spec{}, opt); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(opt.Work, "n1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := prepare(spec.Spec{}, opt); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("got %v", err)
	}
}
