package store

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// durableFor is how long the control without fsync syncs after the start of the
// process, so that a node has a beginning to come back to.
const durableFor = 5 * time.Second

// began is when durable was asked first, in nanoseconds of Unix time.
var began atomic.Int64

// durable tells whether that was a short while ago.
func durable() bool {
	now := time.Now().UnixNano()
	began.CompareAndSwap(0, now)
	return now-began.Load() < durableFor.Nanoseconds()
}

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
	if err != nil || durable() {
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
