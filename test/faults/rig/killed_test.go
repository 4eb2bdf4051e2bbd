//go:build linux

package rig

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// harnessDir is the variable that makes the test binary a harness to be killed.
const harnessDir = "FAULTS_RIG_TEST_DIR"

// TestHarness is the harness of TestHarnessIsKilled.
func TestHarness(t *testing.T) {
	dir := os.Getenv(harnessDir)
	if dir == "" {
		t.Skip("it is a process for TestHarnessIsKilled")
	}
	cfg := Config{Binary: binary, Dir: dir, Nodes: 2, Disks: Capable(Disks) == nil, DiskBytes: 128 << 20}
	c, err := Start(t.Context(), cfg)
	must(t, err)
	c.Nodes()[1].Pause()
	fmt.Println("processes", c.Nodes()[0].PID(), c.Nodes()[1].PID(), c.Network().SwitchPID())
	<-within(t, 2*time.Minute).Done()
}

// TestHarnessIsKilled: nothing of a harness outlives it, however it ends.
func TestHarnessIsKilled(t *testing.T) {
	if err := Capable(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	harness := exec.Command(os.Args[0], "-test.run=^TestHarness$")
	harness.Env = append(os.Environ(), harnessDir+"="+dir, "CONCLAVE_TEST_BINARY="+binary)
	out, err := harness.StdoutPipe()
	must(t, err)
	must(t, harness.Start())
	t.Cleanup(func() { _ = harness.Process.Kill() })
	processes := ""
	for lines := bufio.NewScanner(out); processes == "" && lines.Scan(); {
		processes, _ = strings.CutPrefix(lines.Text(), "processes ")
		if processes == lines.Text() {
			processes = ""
		}
	}
	if processes == "" {
		t.Fatalf("the harness said nothing: %v", harness.Wait())
	}
	must(t, harness.Process.Kill())
	_ = harness.Wait() // it was killed
	must(t, until(t.Context(), func(context.Context) error { return allGone(strings.Fields(processes), dir) }))
}

// allGone is whether some processes have ended, and no image of a disk is in use.
func allGone(processes []string, dir string) error {
	for _, pid := range processes {
		if exists("/proc/" + pid) {
			return fmt.Errorf("process %s is still there", pid)
		}
	}
	devices, err := exec.Command("losetup", "--list", "--noheadings", "--output", "BACK-FILE").Output()
	if err == nil && strings.Contains(string(devices), dir) {
		err = fmt.Errorf("a disk is still there: %s", devices)
	}
	return err
}
