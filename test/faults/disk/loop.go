//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// device is the number of a loop device.
type device int

const unbound device = -1

func (n device) path() string           { return fmt.Sprintf("/dev/loop%d", int(n)) }
func (n device) sys(name string) string { return fmt.Sprintf("/sys/block/loop%d/%s", int(n), name) }

// number is the device number, as cgroup files and mount tables write it.
func (n device) number() (string, error) {
	text, err := os.ReadFile(n.sys("dev"))
	if err != nil {
		return "", fmt.Errorf("disk: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// attachTries bounds how often another process may take the device that was free
// a moment ago.
const attachTries = 50

// attach binds an image to a free loop device, by direct I/O. The device goes when
// the returned file is closed and nothing is mounted from it.
func attach(image string) (device, *os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = control.Close() }()
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = backing.Close() }()
	for range attachTries {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return 0, nil, fmt.Errorf("disk: no free loop device: %w", err)
		}
		file, err := bind(device(n), backing)
		switch {
		case errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENXIO):
			continue // somebody was faster
		case err != nil:
			return 0, nil, err
		}
		return device(n), file, nil
	}
	return 0, nil, fmt.Errorf("disk: other processes took each of %d free loop devices", attachTries)
}

func bind(n device, backing *os.File) (*os.File, error) {
	file, err := os.OpenFile(n.path(), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	// One call sets all, so there is no moment in which a kill of this process
	// would leave a device that does not clear itself.
	config := unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{
		Flags: unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO,
	}}
	copy(config.Info.File_name[:len(config.Info.File_name)-1], backing.Name())
	if err := unix.IoctlLoopConfigure(int(file.Fd()), &config); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: cannot bind %s to %s: %w", backing.Name(), n.path(), err), file.Close())
	}
	// The kernel falls back without a word where it cannot do direct I/O.
	dio, err := os.ReadFile(n.sys("loop/dio"))
	if err == nil && strings.TrimSpace(string(dio)) != "1" {
		err = fmt.Errorf("disk: no direct I/O on %s, so a power loss would not lose what is cached there", backing.Name())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// bound lists the loop devices that are bound to files for which ok is true. The
// kernel adds " (deleted)" to the path of a file that is gone.
func bound(ok func(file string) bool) ([]device, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var found []device
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // unbound meanwhile
		}
		var n int
		if _, err := fmt.Sscanf(name, "/sys/block/loop%d/", &n); err != nil {
			return nil, fmt.Errorf("disk: %s is no loop device: %w", name, err)
		}
		if ok(strings.TrimSpace(string(text))) {
			found = append(found, device(n))
		}
	}
	return found, nil
}
