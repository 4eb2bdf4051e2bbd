package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTicks per second is what Linux counts processor time in, on every
// architecture that Go runs on.
const clockTicks = 100

// Usage is what the processes of a cluster use, together.
type Usage struct {
	// CPU is the processor time since they began.
	CPU time.Duration
	// Resident is what they have in memory now, Peak the most that each had at
	// any time, in bytes.
	Resident, Peak int64
	// Wakeups counts how often their threads went to sleep and were woken.
	Wakeups int64
}

// Usage asks the kernel.
func (c *Cluster) Usage() (Usage, error) {
	var sum Usage
	for _, p := range c.running {
		u, err := ProcessUsage(p.cmd.Process.Pid)
		if err != nil {
			return Usage{}, err
		}
		sum.CPU += u.CPU
		sum.Resident += u.Resident
		sum.Peak += u.Peak
		sum.Wakeups += u.Wakeups
	}
	return sum, nil
}

// ProcessUsage is the usage of one process.
func ProcessUsage(pid int) (Usage, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Usage{}, err
	}
	// The second field is the program's name, which may have spaces in it.
	_, rest, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return Usage{}, fmt.Errorf("%s/stat has an unknown form", dir)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	kernel, err2 := strconv.ParseInt(fields[12], 10, 64)
	status, err3 := readStatus(filepath.Join(dir, "status"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return Usage{}, err
	}
	u := Usage{
		CPU:      time.Duration(user+kernel) * time.Second / clockTicks,
		Resident: status["VmRSS"] << 10,
		Peak:     status["VmHWM"] << 10,
	}
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "status"))
	for _, thread := range threads {
		if of, err := readStatus(thread); err == nil { // else it has just ended
			u.Wakeups += of["voluntary_ctxt_switches"]
		}
	}
	return u, err
}

// readStatus reads the numbers of a status file; sizes are in KiB.
func readStatus(name string) (map[string]int64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if fields := strings.Fields(value); len(fields) > 0 {
			if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
				numbers[key] = n
			}
		}
	}
	return numbers, nil
}
