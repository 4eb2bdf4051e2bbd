//go:build linux

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const testBytes = 256 << 20

// What was synced is there after a power loss, all of it; and of what was not, much
// is gone, or the fault would prove nothing.
func TestPowerLossLosesWhatWasNotSynced(t *testing.T) {
	d := makeDisk(t, testBytes)
	const rounds = 5
	for _, sync := range []bool{true, false} {
		said, lost := 0, 0
		for round := range rounds {
			dir := filepath.Join(d.Path(), fmt.Sprint("round", sync, round))
			ok(t, os.Mkdir(dir, 0o700))
			syncDir(t, dir)
			syncDir(t, d.Path())
			w := startWriter(t, dir, sync)
			w.reaches(200)
			ok(t, d.PowerLoss(w.cmd.Process.Pid))
			w.kill()
			ok(t, d.Remount())
			said += w.last + 1
			lost += missing(t, dir, w.last)
		}
		t.Logf("sync %v: %d power losses, %d files written, %d lost", sync, rounds, said, lost)
		if sync && lost > 0 {
			t.Error("synced files were lost")
		}
		if !sync && lost == 0 {
			t.Error("no file was lost that was not synced: the fault has no teeth")
		}
	}
}

// missing counts the files up to the last one that have not the content that was
// written.
func missing(t *testing.T, dir string, last int) int {
	t.Helper()
	lost := 0
	for i := range last + 1 {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%06d", i)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err != nil || !bytes.Equal(got, content(i)) {
			lost++
		}
	}
	return lost
}

// A rename that was not synced may be undone, and the file that it replaced is
// then as it was; the new content without its sync is never half there under it.
func TestPowerLossUndoesARename(t *testing.T) {
	d := makeDisk(t, testBytes)
	path := filepath.Join(d.Path(), "file")
	writeSynced(t, path, "old")
	syncDir(t, d.Path())
	writeSynced(t, path+".new", "new")
	ok(t, os.Rename(path+".new", path))
	ok(t, d.PowerLoss())
	ok(t, d.Remount())
	got, err := os.ReadFile(path)
	ok(t, err)
	if string(got) != "old" {
		t.Errorf("the rename that was not synced survived: %q", got)
	}
}

// After the loss nothing can be written or synced; after Remount all works again.
func TestPowerLossFailsWrites(t *testing.T) {
	d := makeDisk(t, testBytes)
	file, err := os.Create(filepath.Join(d.Path(), "file"))
	ok(t, err)
	defer func() { _ = file.Close() }()
	ok(t, d.PowerLoss())
	if _, err := file.Write([]byte("more")); !errors.Is(err, unix.EIO) {
		t.Errorf("write after power loss: %v", err)
	}
	if err := file.Sync(); !errors.Is(err, unix.EIO) {
		t.Errorf("sync after power loss: %v", err)
	}
	ok(t, file.Close())
	ok(t, d.Remount())
	writeSynced(t, filepath.Join(d.Path(), "again"), "works")
	ok(t, d.Remount())
	if got, err := os.ReadFile(filepath.Join(d.Path(), "again")); err != nil || string(got) != "works" {
		t.Errorf("after a clean remount: %q, %v", got, err)
	}
}

func writeSynced(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.Create(path)
	ok(t, err)
	_, err = file.WriteString(text)
	ok(t, errors.Join(err, file.Sync(), file.Close()))
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Open(dir)
	ok(t, err)
	ok(t, errors.Join(file.Sync(), file.Close()))
}
