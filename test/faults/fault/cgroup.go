package fault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// group is a cgroup (v1) that limits one process for a while.
type group struct {
	controller, path string
}

const cgroups = "/sys/fs/cgroup"

func newGroup(controller, name string) (*group, error) {
	g := &group{controller: controller, path: filepath.Join(cgroups, controller, fmt.Sprintf("conclave-%d-%s", os.Getpid(), name))}
	if err := os.Mkdir(g.path, 0o755); err != nil && !os.IsExist(err) {
		return nil, fmt.Errorf("a cgroup of %s cannot be made: %w", controller, err)
	}
	return g, nil
}

func (g *group) set(file string, value int64) error {
	return os.WriteFile(filepath.Join(g.path, file), fmt.Append(nil, value), 0)
}

// add puts a process into the group. One that has ended is none any more.
func (g *group) add(pid int) error { return move(pid, g.path) }

// leave brings a process back to where all are.
func (g *group) leave(pid int) error { return move(pid, filepath.Join(cgroups, g.controller)) }

func move(pid int, to string) error {
	err := os.WriteFile(filepath.Join(to, "cgroup.procs"), fmt.Append(nil, pid), 0)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// close removes the group, which must be empty.
func (g *group) close() { _ = os.Remove(g.path) }
