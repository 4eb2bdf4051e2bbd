//go:build linux

package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// groupPrefix begins the names of control groups, before the process id of the
// harness and the name of the node.
const groupPrefix = "conclave-rig-"

// controllers are those of version 1 of control groups that nodes are put under.
var controllers = []string{"cpu", "memory"}

// group is a control group of each controller for one node. A process is in it from
// its beginning, because memory is charged to the group that a process was in when it
// took it.
type group struct {
	dirs   map[string]string // by controller; only those that could be made
	unmade map[string]error  // why the others could not

	mu   sync.Mutex       // guards left
	left map[string]error // by controller: why the newest process is not in
}

func newGroup(name string) *group {
	g := &group{dirs: make(map[string]string), unmade: make(map[string]error), left: make(map[string]error)}
	for _, controller := range controllers {
		dir, err := parentGroup(controller)
		if err == nil {
			dir = filepath.Join(dir, groupPrefix+strconv.Itoa(os.Getpid())+"-"+name)
			err = os.MkdirAll(dir, 0o755)
		}
		if err != nil {
			g.unmade[controller] = err
			continue
		}
		g.dirs[controller] = dir
	}
	return g
}

// parentGroup is the directory of the group that the harness is in.
func parentGroup(controller string) (string, error) {
	root := filepath.Join("/sys/fs/cgroup", controller)
	if _, err := os.Stat(filepath.Join(root, "tasks")); err != nil {
		return "", fmt.Errorf("limits need version 1 of the control group %s: %w", controller, err)
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && fields[1] == controller {
			if dir := filepath.Join(root, fields[2]); exists(dir) {
				return dir, nil
			}
		}
	}
	return root, nil // a container sees its own group as the root
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// add puts a process in, where there are groups: limits are told to be impossible
// when somebody wants one.
func (g *group) add(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for controller, dir := range g.dirs {
		// All threads that there are; the new ones follow by themselves.
		g.left[controller] = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
	}
}

func (g *group) set(controller, file string, value int64) error {
	dir, ok := g.dirs[controller]
	if !ok {
		return g.unmade[controller]
	}
	g.mu.Lock()
	left := g.left[controller]
	g.mu.Unlock()
	if left != nil {
		return fmt.Errorf("the process is not in its control group, so a limit would be nobody's: %w", left)
	}
	return os.WriteFile(filepath.Join(dir, file), strconv.AppendInt(nil, value, 10), 0)
}

func (g *group) get(controller, file string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(g.dirs[controller], file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// remove deletes the groups, which have no process any more.
func (g *group) remove() error {
	var errs []error
	for _, dir := range g.dirs {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, syscall.ENOENT) {
			errs = append(errs, fmt.Errorf("removing %s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

// sweepGroups deletes the groups of harnesses that were killed.
func sweepGroups() {
	for _, controller := range controllers {
		parent, err := parentGroup(controller)
		if err != nil {
			continue
		}
		left, err := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
		if err != nil {
			continue
		}
		for _, dir := range left {
			owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), groupPrefix), "-")
			if !exists("/proc/" + owner) {
				_ = syscall.Rmdir(dir) // if it has a process still, it is left to the next one
			}
		}
	}
}
