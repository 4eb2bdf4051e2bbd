//go:build linux

package rig

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// RSS is how many bytes of memory the process has, 0 when there is none.
func (n *Node) RSS() (int64, error) {
	pid := n.PID()
	if pid == 0 {
		return 0, nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("the memory of process %d is told as %q", pid, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// OpenFiles is how many files and connections the process has open.
func (n *Node) OpenFiles() (int, error) {
	pid := n.PID()
	if pid == 0 {
		return 0, nil
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}

// LimitFiles changes how many files and connections the process may have open from
// now on, and returns how many it could before. Those that it has stay open, and it
// is their numbers that count: with 3 it gets no new one, with OpenFiles perhaps a
// few. The next life begins with what the harness may.
func (n *Node) LimitFiles(most uint64) (before uint64, err error) {
	pid := n.PID()
	if pid == 0 {
		return 0, fmt.Errorf("node %s does not run", n.name)
	}
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		return 0, fmt.Errorf("the limit of open files of %s: %w", n.name, err)
	}
	limit := unix.Rlimit{Cur: min(most, old.Max), Max: old.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		return 0, fmt.Errorf("the limit of open files of %s: %w", n.name, err)
	}
	return old.Cur, nil
}

// LimitCPU gives the node that share of one processor, in this life and those to
// come; 0 is no limit.
func (n *Node) LimitCPU(share float64) error {
	const period = 20_000 // microseconds: short, so that it crawls instead of stopping
	quota := int64(-1)
	if share > 0 {
		quota = max(1000, int64(share*period))
	}
	if err := n.group.set("cpu", "cpu.cfs_period_us", period); err != nil {
		return err
	}
	return n.group.set("cpu", "cpu.cfs_quota_us", quota)
}

// LimitMemory gives the node that many bytes of memory, page cache included, in this
// life and those to come; 0 is no limit. Where it needs more the kernel kills it. What
// it cannot give back now it keeps: then there is no room for more.
func (n *Node) LimitMemory(bytes int64) error {
	const file = "memory.limit_in_bytes"
	if bytes <= 0 {
		bytes = -1
	}
	err := n.group.set("memory", file, bytes)
	for range 10 {
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		used, read := n.group.get("memory", "memory.usage_in_bytes")
		if read != nil {
			return read
		}
		err = n.group.set("memory", file, used+used/100) // it may need more by now
	}
	return err
}
