package logfile

import (
	"syscall"

	"github.com/cockroachdb/pebble/vfs"
)

// reserve extends a new file with zeros. Where there is no room, or where the file
// system cannot do it, the file stays empty and grows when it is written.
func reserve(fd uintptr, size int64) {
	if err := syscall.Fallocate(int(fd), 0, 0, size); err != nil {
		_ = syscall.Ftruncate(int(fd), 0) // some have taken what there was
	}
}

// beginWriting has the kernel begin to write what it holds of a file, and does not wait.
func beginWriting(fd uintptr) error {
	const write = 0x2
	err := syscall.SyncFileRange(int(fd), 0, 0, write)
	if err == syscall.ENOSYS || err == syscall.EINVAL || err == syscall.ESPIPE { // not on this file system
		return nil
	}
	return err
}

// syncData has the content of a file on the disk, and of its metadata what is needed
// to read it.
func syncData(_ vfs.File, fd uintptr) error { return syscall.Fdatasync(int(fd)) }
