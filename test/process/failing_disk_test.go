package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// endsWithin is how long a process may go on after a write or an fsync of it failed.
const endsWithin = time.Second

// A write or an fsync of the Raft log or of the state fails. The process ends with
// a sentence within a second, and acknowledges nothing that is not there when it
// runs again.
//
// Promises D1, S3
func TestFailingDisk(t *testing.T) {
	needStrace(t)
	for files, pattern := range map[string]string{
		"log":      "raft/*/*/logdb-*/%06d.log",
		"manifest": "raft/*/*/logdb-*/MANIFEST-%06d",
		"state":    "sm/*/*/%06d.sst",
		"mark":     "sm/*.applied",
	} {
		for what, calls := range map[string]string{
			"write": "write,pwrite64,writev", "fsync": "fsync,fdatasync,sync_file_range",
		} {
			if files == "mark" && what == "fsync" {
				continue // it has none: the log is what is durable
			}
			t.Run(files+"/"+what, func(t *testing.T) { failOne(t, pattern, calls) })
		}
	}
}

func failOne(t *testing.T, files, calls string) {
	// With few entries to a snapshot the state is written all the time.
	one := startCluster(t, 1, setting{"snapshot-count", "50"})
	n := one.nodes[0]
	paths := future(t, filepath.Join(n.dir, files))
	var acknowledged atomic.Int64
	client := dial(t, n.clientURL)
	writing, stop := context.WithCancel(within(t, patience))
	defer stop()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for i := int64(1); writing.Err() == nil; i++ {
			if _, err := client.Put(writing, fmt.Sprintf("k/%08d", i), strings.Repeat("v", 2000)); err != nil {
				return
			}
			acknowledged.Store(i)
		}
	}()
	eventually(t, patience, func(context.Context) error {
		if acknowledged.Load() < 100 {
			return errors.New("the writer is slow")
		}
		return nil
	})

	tracer := inject(t, n, paths, calls)
	select {
	case <-n.life.exited:
	case <-time.After(patience):
		stop()
		t.Fatalf("the process goes on; strace saw:\n%s", tracer.report(t))
	}
	if took := time.Since(tracer.firstFailure(t)); took > endsWithin {
		t.Errorf("the process ended %v after the failure:\n%s", took, tracer.report(t))
	}
	stop()
	<-wrote
	if code := n.waitExit(); code == 0 {
		t.Error("the exit code is 0")
	}
	t.Log(n.saidWhy(t, "input/output error"))
	n.start()
	n.waitReady()
	again := dial(t, n.clientURL)
	for i := range acknowledged.Load() {
		if _, err := again.Get(within(t, patience), fmt.Sprintf("k/%08d", i+1)); err != nil {
			t.Fatalf("write %d of %d is lost: %v", i+1, acknowledged.Load(), err)
		}
	}
}

// future are the files of a numbered pattern that there are or will be, or those of
// another pattern that there are. The directories are there.
func future(t *testing.T, pattern string) []string {
	t.Helper()
	if !strings.Contains(pattern, "%") {
		return matches(t, pattern)
	}
	var paths []string
	for _, dir := range matches(t, filepath.Dir(pattern)) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		for i := range 200 {
			paths = append(paths, filepath.Join(dir, fmt.Sprintf(filepath.Base(pattern), i)))
		}
	}
	return paths
}

func matches(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s matches nothing: %v", pattern, err)
	}
	return paths
}

// tracer makes calls of a process fail.
type tracer struct {
	cmd    *exec.Cmd
	output string
	errors bytes.Buffer
}

func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not here")
	}
	trial := exec.Command("strace", "-f", "-o", os.DevNull, "-e", "trace=getpid", "-e", "inject=getpid:error=EIO", "true")
	if out, err := trial.CombinedOutput(); err != nil {
		t.Skipf("processes cannot be traced here: %v: %s", err, out)
	}
}

// inject has all calls on some files fail from now on.
func inject(t *testing.T, n *node, paths []string, calls string) *tracer {
	t.Helper()
	tr := &tracer{output: filepath.Join(t.TempDir(), "strace")}
	args := []string{"-f", "-ttt", "-o", tr.output, "-p", strconv.Itoa(n.life.cmd.Process.Pid),
		"-e", "trace=" + calls, "-e", "inject=" + calls + ":error=EIO"}
	for _, path := range paths {
		args = append(args, "-P", path)
	}
	tr.cmd = exec.Command("strace", args...)
	tr.cmd.Stderr = &tr.errors
	if err := tr.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = tr.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = tr.cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	return tr
}

func (tr *tracer) report(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(tr.output)
	if err != nil {
		t.Log(err)
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[:min(len(lines), 20)], "\n")
}

// firstFailure is when the first call failed.
func (tr *tracer) firstFailure(t *testing.T) time.Time {
	t.Helper()
	for line := range strings.Lines(tr.report(t)) {
		if !strings.Contains(line, "(INJECTED)") {
			continue
		}
		fields := strings.Fields(line)
		seconds, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return time.UnixMicro(int64(seconds * 1e6))
	}
	t.Fatalf("nothing failed:\n%s", tr.report(t))
	return time.Time{}
}
