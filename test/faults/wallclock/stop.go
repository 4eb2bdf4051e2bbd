//go:build linux

package wallclock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopFor bounds how long a process may take to stop: a thread that waits for a
// disk stops when that has answered.
const stopFor = 10 * time.Second

// stop stops all threads of a process, and returns what lets them go on; that does
// nothing when the process had been stopped before.
func stop(pid int) (resume func() error, err error) {
	was, err := allStopped(pid)
	if err != nil {
		return nil, err
	}
	if was {
		return func() error { return nil }, nil
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("cannot stop it: %w", err)
	}
	resume = func() error {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return fmt.Errorf("cannot let it go on: %w", err)
		}
		return nil
	}
	deadline := time.NewTimer(stopFor)
	defer deadline.Stop()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		now, err := allStopped(pid)
		switch {
		case err != nil:
			return nil, errors.Join(err, resume())
		case now:
			return resume, nil
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return nil, errors.Join(fmt.Errorf("it did not stop within %v", stopFor), resume())
		}
	}
}

// allStopped tells whether each thread of a process is stopped.
func allStopped(pid int) (bool, error) {
	tasks, err := tasks(pid)
	if err != nil {
		return false, err
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(filepath.Join(task, "stat"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return false, err
		}
		// The name before the state is in parentheses and may contain any character.
		state := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
		switch state[0] {
		case 'T', 't':
		case 'Z', 'X':
			return false, errors.New("it has ended")
		default:
			return false, nil
		}
	}
	return true, nil
}

func tasks(pid int) ([]string, error) {
	found, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err == nil && len(found) == 0 {
		err = errors.New("there is no such process")
	}
	return found, err
}

// errInside is why the code cannot be changed now.
var errInside = errors.New("a thread is inside of the code that is to change")

// outside is nil when no thread of a stopped process is between two addresses.
func outside(pid int, from, to int64) error {
	tasks, err := tasks(pid)
	if err != nil {
		return err
	}
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join(task, "syscall"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot tell where its threads are: %w", err)
		}
		// The last of the fields is the address of the instruction.
		fields := strings.Fields(string(text))
		address, err := strconv.ParseInt(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
		if err != nil {
			return errInside // it is running, contrary to what its state said
		}
		if from <= address && address < to {
			return errInside
		}
	}
	return nil
}
