package store

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// durableFiles is how many files of a process are synced in the control without
// fsync, so that a node has a beginning to come back to.
const durableFiles = 32

// made counts the files.
var made atomic.Int64

// unsynced is the control mutant_nosync (Pebble's NoSync, and databases that are run
// with fsync off): nothing is synced, and a power cut takes what was acknowledged.
type unsynced struct{ vfs.FS }

// Create implements vfs.FS.
func (u unsynced) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := u.FS.Create(name, category)
	return unsyncedIf(file, err)
}

// OpenDir implements vfs.FS.
func (u unsynced) OpenDir(name string) (vfs.File, error) {
	file, err := u.FS.OpenDir(name)
	return unsyncedIf(file, err)
}

func unsyncedIf(file vfs.File, err error) (vfs.File, error) {
	if err != nil || made.Add(1) <= durableFiles {
		return file, err
	}
	return unsyncedFile{file}, nil
}

type unsyncedFile struct{ vfs.File }

// Sync implements vfs.File, badly.
func (unsyncedFile) Sync() error { return nil }

// SyncData implements vfs.File, badly.
func (unsyncedFile) SyncData() error { return nil }

// SyncTo implements vfs.File, badly.
func (unsyncedFile) SyncTo(int64) (bool, error) { return false, nil }
