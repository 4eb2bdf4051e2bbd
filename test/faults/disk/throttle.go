//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Throttle makes the disk as slow as so many writes a second; 0 lifts the limit.
// It takes cgroup v1's blkio controller, which is mounted if it is not. The limit
// holds for processes in the cgroup of the harness and in the root one, where the
// threads of the kernel are that write the journal.
func (d *Disk) Throttle(writeIOPS int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if writeIOPS < 0 {
		return fmt.Errorf("disk: throttle to %d writes a second", writeIOPS)
	}
	if writeIOPS > 0 {
		if err := d.mountBlkio(); err != nil {
			return err
		}
	}
	if err := limit(d.loop, writeIOPS); err != nil {
		return err
	}
	d.iops = writeIOPS
	return nil
}

// limit sets the limit of a device; without the controller there is none to lift.
func limit(loop device, iops int) error {
	if loop == unbound {
		return nil
	}
	root, err := blkioRoot()
	if err != nil {
		return err
	}
	if root == "" && iops == 0 {
		return nil
	}
	if root == "" {
		return errors.New("disk: cgroup v1 has no blkio controller here, so a disk cannot be throttled")
	}
	number, err := loop.number()
	if err != nil {
		return err
	}
	groups := []string{root}
	if own := filepath.Join(root, ownGroup()); own != root {
		groups = append(groups, own)
	}
	for _, group := range groups {
		file := filepath.Join(group, "blkio.throttle.write_iops_device")
		if err := os.WriteFile(file, fmt.Appendf(nil, "%s %d", number, iops), 0); err != nil {
			return fmt.Errorf("disk: cannot throttle %s: %w", loop.path(), err)
		}
	}
	return nil
}

// mountBlkio mounts the controller beside the disk if it is nowhere.
func (d *Disk) mountBlkio() error {
	root, err := blkioRoot()
	if err != nil || root != "" {
		return err
	}
	path := filepath.Join(d.dir, "blkio")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if err := unix.Mount("cgroup", path, "cgroup", 0, "blkio"); err != nil {
		return fmt.Errorf("disk: cannot mount cgroup v1's blkio controller: %w", err)
	}
	return nil
}

// blkioRoot is where the controller is mounted; empty if nowhere.
func blkioRoot() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("disk: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		place, system, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(place), strings.Fields(system)
		if ok && len(fields) > 4 && len(kind) > 2 && kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), "blkio") {
			return fields[4], nil
		}
	}
	return "", nil
}

// ownGroup is the blkio cgroup of this process, which its children inherit.
func ownGroup() string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "/"
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), "blkio") {
			return parts[2]
		}
	}
	return "/"
}
