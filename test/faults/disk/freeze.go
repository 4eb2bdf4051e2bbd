//go:build linux

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// freezePatience is how long the threads of a process may take to stop.
	freezePatience = 2 * time.Second
	freezePoll     = 100 * time.Microsecond
)

// Freeze stops a process and returns when none of its threads does anything more
// outside of the kernel. A thread that is inside, waiting for the disk, ends its call and
// then stops, too. A process that is gone, or 0 for none, is frozen.
func Freeze(pid int) error {
	if pid <= 0 { // a signal to 0 would be one to ourselves
		return nil
	}
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("disk: freeze %d: %w", pid, err)
	}
	poll := time.NewTicker(freezePoll)
	defer poll.Stop()
	for until := time.Now().Add(freezePatience); ; <-poll.C {
		running, err := runs(pid)
		if err != nil || !running {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("disk: process %d has not stopped after %v", pid, freezePatience)
		}
	}
}

// runs says whether a thread of a process may do something: all but those that are
// stopped, traced and stopped, gone, or in the kernel for the disk.
func runs(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false, err
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return false, err
		}
		// "pid (name) state …", and the name may have anything in it.
		state := bytes.TrimLeft(text[bytes.LastIndexByte(text, ')')+1:], " ")
		if len(state) == 0 || !bytes.ContainsAny(state[:1], "TtDZX") {
			return true, nil
		}
	}
	return false, nil
}
