package hostile

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A line of any length is read, and what comes behind it.
func TestFollowReadsLongLines(t *testing.T) {
	n := &node{exited: make(chan struct{})}
	n.cmd = exec.Command("sh", "-c", `head -c 3000000 /dev/zero | tr '\0' x; echo; echo ready to serve client requests`)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go n.follow(bufio.NewReader(out), ready)
	select {
	case <-ready:
	case <-time.After(patience):
		t.Error("what follows a long line was not read")
	}
	<-n.exited
	if len(n.said(strings.Repeat("x", 3_000_000))) != 1 {
		t.Error("the long line is not there")
	}
}

// A process that has ended is no reason to skip what is asked of its memory.
func TestMemoryOfAProcessThatEnded(t *testing.T) {
	n := &node{cmd: exec.Command("sh", "-c", "read _")}
	in, err := n.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bytes, err := n.memory()
	if errors.Is(err, errNoProc) {
		t.Skip(err)
	}
	if err != nil || bytes == 0 {
		t.Errorf("a process that runs has %d bytes: %v", bytes, err)
	}
	_, _ = in.Close(), n.cmd.Wait()
	if bytes, err = n.memory(); err == nil || errors.Is(err, errNoProc) {
		t.Errorf("a process that has ended has %d bytes: %v", bytes, err)
	}
}
