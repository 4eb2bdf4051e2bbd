// Package logfile gives the files of the Raft log their full size when they are
// made.
//
// To write into a file that has its size already changes nothing about the file
// itself, so the sync that follows is mostly one write to the disk; the size of a
// file that grows goes through the file system's journal as well, each time. Pebble
// reserves the room by itself but leaves the size alone, and it writes into used
// files again: without this package the first use of each file would be slow, with
// it the disk holds no more.
//
// Pebble takes zeros at the end of the last file for the end of the log, as it takes
// what is left in a file that is used again. Earlier files end with a mark.
package logfile

import (
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/vfs"
)

// BufferBytes is how much of the log is in one file of it, and in one table in
// memory.
const BufferBytes = 32 << 20

// fileBytes is the size that a file begins with: what Pebble reserves for it, a
// tenth more than the table. Few grow beyond it.
const fileBytes = BufferBytes + BufferBytes/10

// logDir begins the name of the directory in which Dragonboat keeps the log.
const logDir = "logdb-"

// Dragonboat opens the log with the default file system of its version of Pebble,
// and panics when it is given one of ours. So the default is what has to change; by
// the time that anything uses it, it has.
func init() { vfs.Default = fileSystem{vfs.Default} }

// fileSystem differs from the one inside in how it makes files of the log, and in that
// it tells of writes to the log's directory that fail.
type fileSystem struct{ vfs.FS }

// Create implements vfs.FS.
func (f fileSystem) Create(name string) (vfs.File, error) {
	file, err := f.FS.Create(name)
	if open, ok := file.(interface{ Fd() uintptr }); ok && err == nil && isLog(name) {
		reserve(open.Fd(), fileBytes)
	}
	return opened(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (f fileSystem) ReuseForWrite(old, name string) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name)
	return opened(name, file, err)
}

// opened is a file that will be written, or why it is not there.
func opened(name string, file vfs.File, err error) (vfs.File, error) {
	switch {
	case !inLog(name):
		return file, err
	case err != nil:
		return nil, toldOfCreation(err)
	case isLog(name):
		return spoiled(watched(name, file)), nil
	default:
		return watched(name, file), nil
	}
}

// OpenDir implements vfs.FS.
func (f fileSystem) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil || !strings.HasPrefix(filepath.Base(name), logDir) {
		return dir, err
	}
	return watchedFile{dir}, nil
}

// inLog says whether a file is in the directory of the log, and isLog whether entries
// are in it.
func inLog(name string) bool {
	return strings.HasPrefix(filepath.Base(filepath.Dir(name)), logDir)
}

func isLog(name string) bool { return filepath.Ext(name) == ".log" && inLog(name) }
