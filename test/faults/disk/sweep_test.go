//go:build linux

package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A disk whose harness was killed is replaced by the next one in its place, also
// when a file on it is still open.
func TestMakeAfterAKill(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "disk")
	left, err := Make(dir, testBytes)
	ok(t, err)
	file, err := os.Create(filepath.Join(left.Path(), "open"))
	ok(t, err)
	d, err := Make(dir, testBytes)
	ok(t, err)
	if _, err := os.Stat(filepath.Join(d.Path(), "open")); err == nil {
		t.Error("the new disk has a file of the old one")
	}
	ok(t, file.Close())
	ok(t, d.Remount())
	ok(t, d.Close())
	nothingLeft(t, dir)
}

// After Close there is no mount, no device and no file.
func TestCloseLeavesNothing(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "disk")
	d, err := Make(dir, testBytes)
	ok(t, err)
	ok(t, d.PowerLoss())
	ok(t, d.Close())
	ok(t, d.Close())
	nothingLeft(t, dir)
}

func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	if mounts, err := mountsBelow(dir); err != nil || len(mounts) > 0 {
		t.Errorf("mounts were left: %v %v", mounts, err)
	}
	loops, err := bound(func(file string) bool { return strings.HasPrefix(file, dir) })
	if err != nil || len(loops) > 0 {
		t.Errorf("loop devices were left: %v %v", loops, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("files were left: %v %v", files, err)
	}
}
