package logfile

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/vfs"
)

// onFailure is told of a write to the log that failed.
var onFailure atomic.Pointer[func(error)]

// OnFailure has somebody told at once of a write to the log's directory that failed, on
// the goroutine that wrote. Pebble keeps such an error for whoever writes next, which may
// be a goroutine of the engine that can only panic with it, and some it panics with
// itself; told here, the process can end with a sentence (promise S3). The last one that
// was given counts.
func OnFailure(tell func(error)) { onFailure.Store(&tell) }

// told returns err after it was told.
func told(err error) error {
	if tell := onFailure.Load(); err != nil && tell != nil {
		(*tell)(err)
	}
	return err
}

// toldOfCreation is told for a file that could not be made. What is wrong from the
// beginning is left to whoever opens the log.
func toldOfCreation(err error) error {
	for _, early := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission} {
		if errors.Is(err, early) {
			return err
		}
	}
	return told(err)
}

// watchedFile is a table, a manifest or the directory of the log. Its failed writes are
// told.
type watchedFile struct{ vfs.File }

// Write implements vfs.File.
func (f watchedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, told(err)
}

// Sync implements vfs.File.
func (f watchedFile) Sync() error { return told(f.File.Sync()) }

// openFile is a file of log entries or a table of them. Pebble has to sync it through
// here: with a descriptor it would do so past this package, which is why this file tells
// none.
type openFile struct {
	watchedFile
	fd      uintptr
	entries bool // it has log entries: somebody waits for each of its syncs
}

// Sync implements vfs.File, without the file's metadata, as Pebble does it. What is
// asked for in the midst of a table promises nobody anything: it only has what is written
// so far on its way to the disk, so that the end has less to wait for.
func (f openFile) Sync() error {
	if !f.entries && inTheMidst() {
		return told(beginWriting(f.fd))
	}
	return told(syncData(f.File, f.fd))
}

// inTheMidst says whether Pebble syncs a table of its own accord while it writes it. It
// does so every 512 KiB, so that looking for it costs nothing. Were it not found, as
// under another name, the table would be synced more often than it has to be.
func inTheMidst() bool {
	pcs := make([]uintptr, 4) // Sync of the file, of the one around it, and who asked for that
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, ".(*syncingFile).maybeSync") {
			return true
		}
		if !more {
			return false
		}
	}
}

// watched watches a file of the log's directory.
func watched(name string, file vfs.File) vfs.File {
	if open, ok := file.(interface{ Fd() uintptr }); ok {
		return openFile{watchedFile{file}, open.Fd(), isLog(name)}
	}
	return watchedFile{file}
}
