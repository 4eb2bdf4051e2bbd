package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/vfs"
)

// failing is a file system whose writes, syncs and new files fail.
type failing struct{ vfs.FS }

var errDisk = errors.New("the disk is gone")

func (f failing) Create(name string) (vfs.File, error) {
	if filepath.Base(name) == "full.log" {
		return nil, errDisk
	}
	file, err := f.FS.Create(name)
	return failingFile{file}, err
}

func (f failing) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	return failingFile{dir}, err
}

type failingFile struct{ vfs.File }

func (failingFile) Write([]byte) (int, error) { return 0, errDisk }
func (failingFile) Sync() error               { return errDisk }

// Whatever fails in the directory of the log is told, and nothing else is.
//
// Promise S3.
func TestFailuresAreTold(t *testing.T) {
	var heard []error
	OnFailure(func(err error) { heard = append(heard, err) })
	t.Cleanup(func() { onFailure.Store(nil) })
	for base, wanted := range map[string]int{"logdb-0": 7, "db-1": 0} {
		heard = nil
		dir := filepath.Join(t.TempDir(), base)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		disk := fileSystem{failing{vfs.Default.(fileSystem).FS}}
		for _, name := range []string{"000002.log", "000003.sst", "MANIFEST-000001"} {
			file, err := disk.Create(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = file.Write([]byte("x"))
			if name != "MANIFEST-000001" {
				_ = file.Sync()
			}
		}
		opened, err := disk.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		_ = opened.Sync()
		_, _ = disk.Create(filepath.Join(dir, "full.log"))
		if len(heard) != wanted {
			t.Errorf("%s: %d failures were told, want %d: %v", base, len(heard), wanted, heard)
		}
	}
}

// A directory that is not there yet is no failure of the disk.
func TestEarlyTroubleIsNotTold(t *testing.T) {
	OnFailure(func(err error) { t.Errorf("told: %v", err) })
	t.Cleanup(func() { onFailure.Store(nil) })
	_, err := vfs.Default.Create(filepath.Join(t.TempDir(), "logdb-0", "000002.log"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// Files of entries and tables are synced through this package: with a descriptor Pebble
// would do it by itself, and nobody would be told that it failed. Promise S3
func TestFilesHideTheirDescriptor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logdb-0")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"000002.log", "000003.sst"} {
		file, err := vfs.Default.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, has := file.(interface{ Fd() uintptr }); has {
			t.Errorf("%s tells its descriptor", name)
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			t.Error(err)
		}
	}
}

// pipeFile takes what is written. Its descriptor is that of a pipe, which cannot be
// synced, but of which it is no error to begin to write it.
type pipeFile struct {
	vfs.File
	fd uintptr
}

func (pipeFile) Write(p []byte) (int, error) { return len(p), nil }
func (f pipeFile) Fd() uintptr               { return f.fd }

// A table is on its way to the disk while it is written, but only its end is waited for.
func TestTablesAreSyncedOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere nothing is begun")
	}
	var heard []error
	OnFailure(func(err error) { heard = append(heard, err) })
	t.Cleanup(func() { onFailure.Store(nil) })
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(reading.Close(), writing.Close()) }()
	table := vfs.NewSyncingFile(watched("logdb-0/000003.sst", pipeFile{fd: writing.Fd()}), vfs.SyncingFileOptions{BytesPerSync: 512 << 10})
	for range 256 {
		if _, err := table.Write(make([]byte, 32<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if len(heard) > 0 {
		t.Errorf("the table was synced %d times in its midst", len(heard))
	}
	if err := table.Sync(); err == nil || len(heard) != 1 {
		t.Errorf("the end: %v, and %d failures were told", err, len(heard))
	}
}
