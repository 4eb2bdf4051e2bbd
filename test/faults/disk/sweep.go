//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Supported is nil where disks can be made, or says what is missing.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("disk: mounting takes root")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("disk: there are no loop devices: %w", err)
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return fmt.Errorf("disk: e2fsprogs is missing: %w", err)
	}
	return nil
}

// Sweep removes what disks below root left behind when their process was killed:
// mounts and loop devices. Image files stay. Disks that are in use are not safe
// from it.
func Sweep(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	mounts, err := mountsBelow(root)
	if err != nil {
		return err
	}
	for _, path := range mounts {
		// Detach works also when a process that was left behind has files open; the
		// file system goes with it.
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("disk: cannot unmount what an earlier run left at %s: %w", path, err)
		}
	}
	loops, err := bound(func(file string) bool { return strings.HasPrefix(file, root+"/") })
	if err != nil {
		return err
	}
	for _, loop := range loops {
		if err := release(loop); err != nil {
			return err
		}
	}
	return nil
}

// release unbinds a loop device at once, or with its last user.
func release(loop device) error {
	file, err := os.OpenFile(loop.path(), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = file.Close() }()
	err = unix.IoctlSetInt(int(file.Fd()), unix.LOOP_CLR_FD, 0)
	if err != nil && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("disk: cannot release %s: %w", loop.path(), err)
	}
	return nil
}

// mountsBelow lists mount points below a directory, the newest first.
func mountsBelow(root string) ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	// The kernel writes these four characters in octal.
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			if path := unescape.Replace(fields[4]); strings.HasPrefix(path, root+"/") {
				found = append(found, path)
			}
		}
	}
	slices.Reverse(found)
	return found, nil
}

// users names the processes that have files open below a path, for a message.
func users(path string) string {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	var pids []string
	for _, link := range links {
		file, err := os.Readlink(link)
		if err != nil || file != path && !strings.HasPrefix(file, path+"/") {
			continue
		}
		if pid := strings.Split(link, "/")[2]; !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return ""
	}
	return "; it is used by process " + strings.Join(pids, ", ")
}
