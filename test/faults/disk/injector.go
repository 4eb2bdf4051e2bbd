//go:build linux

package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Injector is an injection that goes on until Stop, or until the process ends.
type Injector struct {
	pid      int
	cmd      *exec.Cmd
	attached chan struct{} // closed when all threads are subject to it
	done     chan struct{} // closed when strace has ended and was reaped

	mu   sync.Mutex // protects what follows
	hits int
	last string // of what strace said
}

// trace starts strace and waits until it has the process.
func trace(pid int, args []string) (*Injector, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("disk: strace is missing: %w", err)
	}
	args = append([]string{"-f", "-s", "0", "-e", "signal=none", "-p", strconv.Itoa(pid)}, args...)
	i := &Injector{pid: pid, cmd: exec.Command(strace, args...), attached: make(chan struct{}), done: make(chan struct{})}
	// The process must not stay traced when the harness is killed.
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	pipe, err := i.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err := i.cmd.Start(); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	go i.follow(pipe)
	deadline := time.NewTimer(pollFor)
	defer deadline.Stop()
	select {
	case <-i.attached:
		return i, nil
	case <-i.done:
		return nil, fmt.Errorf("disk: strace did not attach to process %d: %s", pid, i.said())
	case <-deadline.C:
		return nil, errors.Join(fmt.Errorf("disk: strace did not attach to process %d within %v", pid, pollFor), i.Stop())
	}
}

// follow counts what strace does until it ends.
func (i *Injector) follow(pipe io.Reader) {
	defer close(i.done)
	attached := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		line := lines.Text()
		i.mu.Lock()
		i.last = line
		if strings.HasSuffix(line, "(INJECTED)") || strings.HasSuffix(line, "(DELAYED)") {
			i.hits++
		}
		i.mu.Unlock()
		if !attached && strings.Contains(line, " attached") {
			attached = true
			close(i.attached)
		}
	}
	_ = i.cmd.Wait() // it ends with the signal, or the way that the process did
}

// Hits is how many calls were hit so far. A call that is being delayed counts when
// it is over.
func (i *Injector) Hits() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits
}

// Done is closed when the injection is over, also because the process has ended.
func (i *Injector) Done() <-chan struct{} { return i.done }

// stopGrace is how long strace may take to let go of a process that has ended: when
// that happens while it detaches, it may wait for ever.
const stopGrace = time.Second

// Stop ends the injection; the process goes on unhindered.
func (i *Injector) Stop() error {
	if i.ends(0) {
		return nil
	}
	_ = i.cmd.Process.Signal(syscall.SIGTERM) // strace lets go of all threads first
	if i.ends(stopGrace) || !dead(i.pid) && i.ends(pollFor) {
		return nil
	}
	_ = i.cmd.Process.Kill() // the kernel lets go of them
	<-i.done
	if dead(i.pid) {
		return nil
	}
	return fmt.Errorf("disk: strace did not let go of process %d within %v and was killed", i.pid, pollFor)
}

// ends waits so long for the end of strace.
func (i *Injector) ends(within time.Duration) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	select {
	case <-i.done:
		return true
	case <-deadline.C:
		return false
	}
}

// dead tells whether a process has ended, reaped or not.
func dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// The name before the state is in parentheses and may contain any character.
	state := strings.TrimSpace(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

func (i *Injector) said() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}
