package logfile

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/vfs"

	"github.com/conclavehq/conclave/internal/planted"
)

// lateBy is how long after Sync has returned the file is synced in mutant_01.
const lateBy = time.Second

// durableSyncs is how often a process syncs its log in the control without fsync: a
// node whose very beginning is lost refuses to start, and then nothing is lost in
// silence.
const durableSyncs = 200

// synced counts that.
var synced atomic.Int64

// spoiled is the file itself unless a bug is planted.
func spoiled(file vfs.File) vfs.File {
	switch planted.Bug {
	case planted.AckBeforeFsync, planted.NoSync:
		return &lateFile{File: file}
	}
	return file
}

// lateFile is mutant_01 (etcd #14370, NATS 2.12 with its lazy fsync): Sync returns
// before the log is on the disk, so a node acknowledges what a power cut takes away.
// In the control mutant_nosync it never gets there.
type lateFile struct {
	vfs.File
	pending atomic.Bool
}

// Sync implements vfs.File, badly.
func (f *lateFile) Sync() error {
	if planted.Bug == planted.NoSync {
		if synced.Add(1) <= durableSyncs {
			return f.File.Sync()
		}
		return nil
	}
	if !f.pending.Swap(true) {
		time.AfterFunc(lateBy, func() {
			f.pending.Store(false)
			_ = f.File.Sync() // it may be closed by now
		})
	}
	return nil
}
