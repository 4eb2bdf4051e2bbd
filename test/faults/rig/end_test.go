//go:build linux

package rig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ends that the harness has asked for are none of the cluster's; all others are told,
// with the line that says why, and nobody takes what is left for the whole cluster.
func TestEndsThatNobodyAskedFor(t *testing.T) {
	c := start(t, Config{})
	ctx := within(t, time.Minute)
	killed, ended, last := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	killed.Kill()
	ended.Terminate()
	<-ended.Exited()
	last.Doom()
	must(t, syscall.Kill(last.PID(), syscall.SIGABRT))
	<-last.Exited()
	if ends := c.Ends(); len(ends) != 0 {
		t.Errorf("ends that were asked for: %+v", ends)
	}
	for _, n := range c.Nodes() {
		must(t, n.Start(ctx))
	}
	must(t, c.Healthy(ctx))

	must(t, syscall.Kill(killed.PID(), syscall.SIGKILL))
	<-killed.Exited()
	must(t, syscall.Kill(last.PID(), syscall.SIGABRT)) // Go dumps all goroutines
	<-last.Exited()
	last.Kill() // too late
	ends := c.Ends()
	if len(ends) != 2 || ends[0].Node != "n1" || !ends[0].Killed || ends[0].Panicked || ends[0].Said == "" {
		t.Fatalf("the ends are %+v", ends)
	}
	if e := ends[1]; e.Node != "n3" || e.Killed || !e.Panicked || e.State != "exit status 2" {
		t.Errorf("the end of n3 is %+v", e)
	}
	if err := c.Healthy(ctx); !errors.As(err, &Unwell{}) || !strings.Contains(err.Error(), "n1 has no process") {
		t.Errorf("a cluster of one node is healthy: %v", err)
	}
	if _, err := c.Hashes(ctx); !errors.As(err, &Unwell{}) || !strings.Contains(err.Error(), "n1 has no process") {
		t.Errorf("the hashes of one node were compared: %v", err)
	}
}

// Panics are found in the whole log, also those after which the process went on.
func TestPanicsInLogs(t *testing.T) {
	n := &Node{logPath: filepath.Join(t.TempDir(), "log")}
	long := strings.Repeat("x", 100<<10)
	text := strings.Join([]string{
		`{"level":"info","message":"ready"}`, long,
		`{"level":"error","error":"panic: nil map","message":"a request failed inside the server"}`,
		"", "fatal error: all goroutines are asleep", "goroutine 1 [running]:", "main.main()", long, "the last line",
	}, "\n")
	must(t, os.WriteFile(n.logPath, []byte(text), 0o600))
	found, err := n.Panics(5)
	if err != nil || len(found) != 2 || !strings.Contains(found[0], "nil map") || !strings.HasPrefix(found[1], "fatal error") {
		t.Errorf("found %q: %v", found, err)
	}
	if found, _ = n.Panics(1); len(found) != 1 {
		t.Errorf("%d of at most one", len(found))
	}
	if _, err = (&Node{logPath: n.logPath + "-"}).Panics(1); err == nil {
		t.Error("a log that is not there has no panics")
	}
}

// What a process says of its end is looked for in its own life.
func TestLastWords(t *testing.T) {
	const (
		ready = `{"level":"info","message":"ready"}` + "\n"
		fatal = `{"level":"fatal","message":"no room; the process ends"}` + "\n"
		plain = "conclave: cannot start: it is an old copy\n"
	)
	for text, want := range map[string]End{
		"":                                   {},
		ready:                                {Said: ready},
		ready + fatal + ready:                {Said: fatal, Explained: true},
		ready + plain:                        {Said: plain, Explained: true},
		ready + "panic: a\n" + fatal:         {Said: "panic: a", Panicked: true},
		"SIGABRT: abort\ngoroutine 1 [x]:\n": {Said: "goroutine 1 [x]:", Panicked: true},
	} {
		n := &Node{logPath: filepath.Join(t.TempDir(), "log")}
		earlier := "panic: of another life\n"
		must(t, os.WriteFile(n.logPath, []byte(earlier+text), 0o600))
		var end End
		n.lastWords(int64(len(earlier)), &end)
		want.Said = strings.TrimSpace(want.Said)
		if end != want {
			t.Errorf("of %q: %+v, want %+v", text, end, want)
		}
	}
}

// A limit is refused when the process that it is for is not in the control group.
func TestLimitOfNobody(t *testing.T) {
	dir := t.TempDir()
	g := &group{dirs: map[string]string{"cpu": dir}, left: map[string]error{}}
	must(t, os.Mkdir(filepath.Join(dir, "cgroup.procs"), 0o700)) // nothing can be written to it
	g.add(1)
	if err := g.set("cpu", "limit", 1); err == nil || !strings.Contains(err.Error(), "not in its control group") {
		t.Errorf("the limit of an empty group was set: %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "cgroup.procs")))
	g.add(2) // the next life
	must(t, g.set("cpu", "limit", 1))
}
