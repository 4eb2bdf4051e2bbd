package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// A file of entries is synced through this package, and others by Pebble itself.
func TestOnlyEntriesHideTheirDescriptor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logdb-0")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"000002.log": false, "000003.sst": true} {
		file, err := vfs.Default.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, has := file.(interface{ Fd() uintptr }); has != want {
			t.Errorf("%s tells its descriptor: %v", name, has)
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			t.Error(err)
		}
	}
}
