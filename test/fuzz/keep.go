package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// keep copies the shortest inputs from Go's cache to testdata/fuzz, and sees to it
// that `go test` passes with them: the cache may have some of an earlier version of
// the target, which took other arguments.
func (t *target) keep(most int) error {
	if most <= 0 {
		return nil
	}
	from, err := t.cache()
	if err != nil {
		return err
	}
	into := filepath.Join(filepath.FromSlash(t.dir), "testdata", "fuzz", t.name)
	copied, err := copyShortest(from, into, most)
	if err == nil && len(copied) > 0 {
		out, failed := exec.Command("go", "test", "./"+t.dir, "-count=1", "-run=^"+t.name+"$").CombinedOutput()
		if failed != nil {
			err = fmt.Errorf("%v fails with the new inputs, which are not kept: %w\n%s", t, failed, out)
		}
	}
	if err != nil {
		for _, path := range copied {
			_ = os.Remove(path)
		}
		_ = os.Remove(into) // if nothing else is there
		return err
	}
	t.kept = len(copied)
	return nil
}

// cache is where the go command keeps what it found for the target.
func (t *target) cache() (string, error) {
	root, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return "", err
	}
	module, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return "", err
	}
	return filepath.Join(strings.TrimSpace(string(root)), "fuzz", filepath.FromSlash(strings.TrimSpace(string(module))),
		filepath.FromSlash(t.dir), t.name), nil
}

// copyShortest copies the shortest files of a folder, as far as they are not there
// yet, and returns the copies.
func copyShortest(from, into string, most int) (copied []string, err error) {
	entries, err := os.ReadDir(from)
	if os.IsNotExist(err) || len(entries) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return cmp.Or(cmp.Compare(size(a), size(b)), cmp.Compare(a.Name(), b.Name()))
	})
	if err := os.MkdirAll(into, 0o755); err != nil {
		return nil, err
	}
	for _, entry := range entries[:min(most, len(entries))] {
		path := filepath.Join(into, entry.Name())
		if has(path) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
		if err != nil {
			return copied, err
		}
		copied = append(copied, path)
	}
	return copied, nil
}

func size(entry fs.DirEntry) int64 {
	info, err := entry.Info()
	if err != nil {
		return 1 << 62
	}
	return info.Size()
}
