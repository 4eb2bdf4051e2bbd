//go:build !linux

package logfile

import "github.com/cockroachdb/pebble/vfs"

// reserve does nothing here: the file grows when it is written.
func reserve(uintptr, int64) {}

// beginWriting does nothing here: the last sync has more to wait for.
func beginWriting(uintptr) error { return nil }

// syncData has a file on the disk.
func syncData(file vfs.File, _ uintptr) error { return file.Sync() }
