//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func (d *Disk) ballast() string { return filepath.Join(d.path, "ballast") }

// Fill takes all the room that is left. What the process frees afterwards it may
// use again; a second Fill takes that too.
func (d *Disk) Fill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("disk: fill: %w", err)
	}
	if err != nil {
		return nil // not even a name fits
	}
	defer func() { _ = file.Close() }()
	end, err := file.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("disk: fill: %w", err)
	}
	// In halves, since the file system keeps some blocks back and does not say how
	// many.
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &stat); err != nil {
		return fmt.Errorf("disk: fill: %w", err)
	}
	for chunk := int64(stat.Bavail) * stat.Bsize; chunk >= stat.Bsize; {
		err := unix.Fallocate(int(file.Fd()), 0, end, chunk)
		switch {
		case err == nil:
			end += chunk
		case errors.Is(err, unix.ENOSPC):
			chunk /= 2
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("disk: fill: %w", err)
		}
	}
	return topUp(file, end, make([]byte, stat.Bsize))
}

// topUp writes until nothing more fits. Writes get blocks that fallocate does not.
func topUp(file *os.File, at int64, block []byte) error {
	for {
		n, err := file.WriteAt(block, at)
		at += int64(n)
		if err == nil {
			// Only a sync makes the file system find blocks for it.
			err = unix.Fdatasync(int(file.Fd()))
		}
		switch {
		case errors.Is(err, unix.ENOSPC):
			return nil
		case err != nil:
			return fmt.Errorf("disk: fill: %w", err)
		}
	}
}

// Free gives back what Fill took, at once.
func (d *Disk) Free() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ignoreMissing(os.Remove(d.ballast())); err != nil {
		return fmt.Errorf("disk: free: %w", err)
	}
	root, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("disk: free: %w", err)
	}
	defer func() { _ = root.Close() }()
	// The blocks can be had again once the journal has committed the removal.
	if err := unix.Syncfs(int(root.Fd())); err != nil {
		return fmt.Errorf("disk: free: %w", err)
	}
	return nil
}
