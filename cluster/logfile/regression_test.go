package logfile

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble"
	"github.com/cockroachdb/pebble/vfs"
)

// syncCounts counts how often files are really synced.
type syncCounts struct {
	vfs.FS
	synced *int
}

func (c syncCounts) Create(name string) (vfs.File, error) {
	file, err := c.FS.Create(name)
	return countedFile{file, c.synced}, err
}

type countedFile struct {
	vfs.File
	synced *int
}

func (f countedFile) Sync() error {
	*f.synced++
	return f.File.Sync()
}

// etcd #14370: a member that was alone answered before its log was on the disk, so a
// crash took back what was acknowledged. Raft answers when the write of its log
// returns. Here that write has synced the file by then; mutant_01 and the control
// without fsync return before.
func TestRegressionEtcd14370WriteOfTheLogIsSynced(t *testing.T) {
	var synced int
	fs := fileSystem{syncCounts{vfs.Default.(fileSystem).FS, &synced}}
	db, err := pebble.Open(filepath.Join(t.TempDir(), logDir+"0"), &pebble.Options{FS: fs, Logger: quiet{t}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(300) {
		before := synced
		if err := db.Set(key(i), []byte("v"), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		if synced == before {
			t.Fatalf("write %d returned and nothing was synced", i)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
