package logfile

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/vfs"
)

// onFailure is told of a write to the log that failed.
var onFailure atomic.Pointer[func(error)]

// OnFailure has somebody told at once of a write to the log that failed, on the
// goroutine that wrote. Pebble keeps such an error for whoever writes next, which may be a
// goroutine of the engine that can only panic with it; told here, the process can end
// with a sentence (promise S3). The last one that was given counts.
func OnFailure(tell func(error)) { onFailure.Store(&tell) }

// watchedFile is a file of the log whose failed writes are told.
type watchedFile struct {
	vfs.File
	fd uintptr
}

// watched watches a file that has a descriptor. Others, as tests have them, it leaves
// alone.
func watched(file vfs.File) vfs.File {
	if open, ok := file.(interface{ Fd() uintptr }); ok {
		return watchedFile{File: file, fd: open.Fd()}
	}
	return file
}

// Fd lets Pebble sync the file without its metadata.
func (f watchedFile) Fd() uintptr { return f.fd }

// Write implements vfs.File.
func (f watchedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if tell := onFailure.Load(); err != nil && tell != nil {
		(*tell)(err)
	}
	return n, err
}
