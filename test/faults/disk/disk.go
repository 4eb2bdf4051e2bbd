//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Disk is a file system that can be mistreated. Its methods may be called from
// several goroutines; each call waits for the one before.
type Disk struct {
	dir   string // holds all that belongs to the disk
	image string
	path  string

	mu     sync.Mutex // held during each call; protects what follows
	loop   device     // where it is mounted from; unbound when it is not
	iops   int        // the limit of Throttle; 0 for none
	closed bool
}

// mountOptions leave no grace to a program that does not sync; see the package
// comment.
const mountOptions = "commit=300,noauto_da_alloc,nodiscard,errors=remount-ro"

// Make makes a disk of that size, and mounts it. All that belongs to it is in dir,
// which is made if need be. What an earlier disk in dir left behind is removed.
func Make(dir string, bytes int64) (_ *Disk, err error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	// The kernel's tables have the path without symbolic links.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	d := &Disk{dir: dir, image: filepath.Join(dir, "image"), path: filepath.Join(dir, "mnt"), loop: unbound}
	if err := Sweep(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err := format(d.image, bytes); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	if err := d.mount(); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

// Path is where the disk is mounted.
func (d *Disk) Path() string { return d.path }

// Device is the path of the loop device, which changes with each Remount.
func (d *Disk) Device() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loop.path()
}

// Close unmounts the disk and removes all that belongs to it. Processes that use
// the disk should have ended; if one has not, the disk is taken from the tree
// anyway, goes with the end of the process, and Close says who it was.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	err := errors.Join(limit(d.loop, 0), unmount(d.path))
	if err != nil {
		if forced := unix.Unmount(d.path, unix.MNT_DETACH); forced != nil && !errors.Is(forced, unix.EINVAL) {
			err = errors.Join(err, fmt.Errorf("disk: cannot detach %s: %w", d.path, forced))
		}
	}
	return errors.Join(err, d.remove())
}

// mount binds the image to a loop device and mounts that.
func (d *Disk) mount() error {
	loop, file, err := attach(d.image)
	if err != nil {
		return err
	}
	// The mount keeps the device from now on: it goes when the mount does.
	defer func() { _ = file.Close() }()
	if err := limit(loop, d.iops); err != nil {
		return err
	}
	if err := unix.Mount(loop.path(), d.path, "ext4", unix.MS_NOATIME, mountOptions); err != nil {
		return fmt.Errorf("disk: cannot mount %s at %s: %w", loop.path(), d.path, err)
	}
	d.loop = loop
	return nil
}

// remove deletes the image and the mount point, never what is mounted there.
func (d *Disk) remove() error {
	return errors.Join(os.RemoveAll(d.image), ignoreMissing(os.Remove(d.path)), ignoreMissing(os.RemoveAll(filepath.Join(d.dir, "blkio"))))
}

// format makes an image file with an empty file system.
func format(image string, bytes int64) error {
	// An earlier image may still be in use by a process that was left behind, so
	// this has to be another file.
	if err := ignoreMissing(os.Remove(image)); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	file, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer func() { _ = file.Close() }()
	// All of it is there from the start: an image with holes would run out of room
	// when the machine does, which is another fault.
	if err := unix.Fallocate(int(file.Fd()), 0, 0, bytes); err != nil {
		return fmt.Errorf("disk: no room for an image of %d bytes: %w", bytes, err)
	}
	mkfs := exec.Command("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-N", "8192", "-J", "size=16",
		"-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", image)
	if out, err := mkfs.CombinedOutput(); err != nil {
		return fmt.Errorf("disk: mkfs.ext4: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return settle(file)
}

// settle brings a file to its disk and forgets what is cached of it.
func settle(file *os.File) error {
	if err := file.Sync(); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("disk: cannot drop the cache of %s: %w", file.Name(), err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
