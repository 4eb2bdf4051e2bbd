package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// progress is a line of the go command about a run.
var progress = regexp.MustCompile(`fuzz: elapsed: \S+, execs: (\d+) \(\S+\), new interesting: (\d+) \(total: (\d+)\)`)

// overdue is a run whose time was over at an odd moment: before Go 1.27 its deadline
// now and then counts as a failure (golang/go#75804). An input that hangs or breaks
// the target says something else.
var overdue = regexp.MustCompile(`(?m)^--- FAIL: \w+ \([0-9.]+s\)\n    context deadline exceeded\nFAIL$`)

// target is a fuzz target and what came of its run.
type target struct {
	dir, name              string
	executions, new, total string
	took                   time.Duration
	kept                   int
	failed                 bool   // an input broke it
	output                 []byte // of the go command, when it failed
}

// String is what -run is matched with.
func (t *target) String() string { return t.dir + "/" + t.name }

// targets are all that the tests below a folder declare.
func targets(root string) (all []*target, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || has(filepath.Join(path, "go.mod"))) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			all = append(all, &target{dir: filepath.ToSlash(filepath.Dir(path)), name: string(m[1])})
		}
		return err
	})
	slices.SortFunc(all, func(a, b *target) int { return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.name, b.name)) })
	return all, err
}

// matching are those of the targets that are asked for: at least one.
func matching(all []*target, only string) ([]*target, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t *target) bool { return !wanted.MatchString(t.String()) })
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no target that matches %q", only)
	}
	return all, nil
}

func has(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fuzz runs the target on so many processors. That an input breaks it is no error.
func (t *target) fuzz(each time.Duration, processors int) error {
	began := time.Now()
	out, err := exec.Command("go", "test", "./"+t.dir, "-run=^$", "-fuzz=^"+t.name+"$",
		"-fuzztime="+each.String(), fmt.Sprint("-parallel=", processors)).CombinedOutput()
	t.took = time.Since(began)
	return t.judge(out, err)
}

// judge reads what the go command said of a run. It says ok as well when it had
// nothing to run.
func (t *target) judge(out []byte, err error) error {
	for _, m := range progress.FindAllSubmatch(out, -1) {
		t.executions, t.new, t.total = string(m[1]), string(m[2]), string(m[3])
	}
	if err != nil && overdue.Match(out) {
		err = nil
	}
	if err != nil && bytes.Contains(out, []byte("--- FAIL")) {
		t.failed, t.output = true, out
		return nil
	}
	if err == nil && (t.executions == "" || t.executions == "0") {
		err = errors.New("it tried no input")
	}
	if err != nil {
		return fmt.Errorf("%v did not run: %w\n%s", t, err, out)
	}
	return nil
}
