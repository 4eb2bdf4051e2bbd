package logfile

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble"
	"github.com/cockroachdb/pebble/vfs"
)

// Only files of the Raft log have their size from the beginning.
func TestFilesOfTheLog(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files grow on " + runtime.GOOS)
	}
	for name, want := range map[string]int64{
		"logdb-0/000002.log":      fileBytes,
		"logdb-0/MANIFEST-000001": 0,
		"logdb-0/000004.sst":      0,
		"mine/000002.log":         0,
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		file, err := vfs.Default.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := file.Stat()
		if err != nil || info.Size() != want {
			t.Errorf("%s has %d bytes, want %d: %v", name, info.Size(), want, err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A file system without the room leaves an empty file, not a part of one.
func TestNoRoom(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "000002.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reserve(file.Fd(), 1<<62)
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the file has %d bytes: %v", info.Size(), err)
	}
}

// A log that is killed at any moment, over many files that are new, full or used
// again, has everything that was written.
//
// Promise D1.
func TestKilledLogIsWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := filepath.Join(t.TempDir(), logDir+"0")
	db := open(t, dir)
	written := uint64(0)
	for round := range 20 {
		for range rng.IntN(200) {
			written++
			value := make([]byte, rng.IntN(6<<10))
			if err := db.Set(key(written), value, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
		killed := filepath.Join(t.TempDir(), logDir+"0")
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		copied := open(t, killed)
		checkAll(t, copied, written)
		if err := copied.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(killed); err != nil {
			t.Fatal(err)
		}
		if round%5 == 4 {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = open(t, dir)
			checkAll(t, db, written)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func open(t *testing.T, dir string) *pebble.DB {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{MemTableSize: 512 << 10, Logger: quiet{t}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// checkAll wants the records up to last, and none beyond it.
func checkAll(t *testing.T, db *pebble.DB, last uint64) {
	t.Helper()
	iter := db.NewIter(nil)
	n := uint64(0)
	for ok := iter.First(); ok; ok = iter.Next() {
		if n++; !bytes.Equal(iter.Key(), key(n)) {
			t.Fatalf("record %x is the one numbered %d", iter.Key(), n)
		}
	}
	if n != last {
		t.Errorf("%d records, want %d", n, last)
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
}

// quiet passes Pebble's complaints on.
type quiet struct{ t *testing.T }

func (quiet) Infof(string, ...any)                {}
func (q quiet) Fatalf(format string, args ...any) { q.t.Errorf(format, args...) }
