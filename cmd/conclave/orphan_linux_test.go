package main

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilledWithItsCommand runs itself as the program, with a command under it, and
// kills that.
func TestKilledWithItsCommand(t *testing.T) {
	if os.Getenv("ORPHAN_TEST") != "" {
		c := child{argv: []string{"sh", "-c", "echo $$; exec sleep 60"}, in: strings.NewReader("")}
		_, _ = c.run(t.Context(), &app{out: os.Stdout, complaints: os.Stderr})
		return
	}
	parent := exec.Command(os.Args[0], "-test.run", "^TestKilledWithItsCommand$")
	parent.Env = append(os.Environ(), "ORPHAN_TEST=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if gone(pid) {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Error("the command outlived the program that ran it")
}

// gone reports whether a process has ended, be it that nobody has waited for it.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}
