//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The ioctl that shuts a file system down, and its flag "do not flush the log".
const (
	ext4Shutdown = 0x8004587D // EXT4_IOC_SHUTDOWN = _IOR('X', 125, __u32)
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// PowerLoss freezes the processes that use the disk and shuts the file system down
// without writing anything more. What was not synced is gone; writes and syncs fail
// with EIO. The processes have to be killed before Remount.
func (d *Disk) PowerLoss(pids ...int) error {
	for _, pid := range pids {
		if err := Freeze(pid); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	root, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("disk: power loss: %w", err)
	}
	defer func() { _ = root.Close() }()
	if err := unix.IoctlSetPointerInt(int(root.Fd()), ext4Shutdown, noLogFlush); err != nil {
		return fmt.Errorf("disk: cannot shut %s down: %w", d.path, err)
	}
	return nil
}

// Remount brings the disk back after PowerLoss (or without one, as a clean restart
// of the machine would): what the device has is read anew, the journal recovered.
// Nobody may use the disk meanwhile. A limit of Throttle stays.
func (d *Disk) Remount() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	// A limit belongs to the number of a device, and the device may change.
	if err := limit(d.loop, 0); err != nil {
		return err
	}
	if err := unmount(d.path); err != nil {
		return err
	}
	d.loop = unbound
	if err := d.forget(); err != nil {
		return err
	}
	return d.mount()
}

// forget waits until the device is unbound, which means that nobody has the file
// system mounted any more, and drops what is cached of the image.
func (d *Disk) forget() error {
	mine := func(file string) bool { return file == d.image }
	if err := poll(func() error {
		left, err := bound(mine)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("disk: %s is still in use by %s: another mount namespace has a copy of the mount%s",
				d.image, left[0].path(), users(d.path))
		}
		return err
	}); err != nil {
		return err
	}
	file, err := os.OpenFile(d.image, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = file.Close() }()
	return settle(file)
}

// unmount waits for the last user to go. A process that was killed may need a
// moment, since its memory and files are taken down after its death is known.
func unmount(path string) error {
	return poll(func() error {
		switch err := unix.Unmount(path, 0); {
		case err == nil, errors.Is(err, unix.EINVAL): // not mounted
			return nil
		default:
			return fmt.Errorf("disk: cannot unmount %s: %w%s", path, err, users(path))
		}
	})
}

// How long, and how often, poll asks.
const (
	pollFor   = 10 * time.Second
	pollEvery = 5 * time.Millisecond
)

// poll asks until the answer is not an error any more, and returns the last one.
func poll(ask func() error) error {
	err := ask()
	if err == nil {
		return nil
	}
	deadline := time.NewTimer(pollFor)
	defer deadline.Stop()
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if err = ask(); err == nil {
				return nil
			}
		case <-deadline.C:
			return err
		}
	}
}
