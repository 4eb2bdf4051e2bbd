//go:build linux

package disk

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A frozen process does nothing more until it is told to go on.
func TestFreeze(t *testing.T) {
	dir := t.TempDir()
	w := startWriter(t, dir, false)
	w.reaches(50)
	pid := w.cmd.Process.Pid
	ok(t, Freeze(pid))
	before := files(t, dir)
	for range 1000 {
		if running, err := runs(pid); err != nil || running {
			t.Fatalf("a thread runs: %v", err)
		}
	}
	if after := files(t, dir); after > before+1 { // one may have been on its way to the disk
		t.Errorf("%d files were written meanwhile", after-before)
	}
	ok(t, unix.Kill(pid, unix.SIGCONT))
	w.reaches(before + 50)
	w.kill()
	ok(t, Freeze(pid))
	ok(t, Freeze(0))
}

func files(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir(dir)
	ok(t, err)
	return len(all)
}
