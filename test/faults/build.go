package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// build makes the programs that the runs need and that no flag names.
func (f *runFlags) build(ctx context.Context, specs []spec.Spec) error {
	var err error
	if f.out, err = filepath.Abs(f.out); err != nil {
		return err
	}
	if f.binary == "" {
		if f.binary, err = build(ctx, ".", filepath.Join(f.out, programs, "conclave"), product); err != nil {
			return err
		}
	}
	if f.previous == "" && upgrades(specs) {
		if f.previous, err = f.buildPrevious(ctx); err != nil {
			return err
		}
	}
	return nil
}

// programs is where what was built goes, below the directories of runs. It is hidden, so
// that `runs/*` are the runs.
const programs = ".bin"

// product is the package of the program under test.
const product = "./cmd/conclave"

// build builds a program of the module in a directory, with build tags.
func build(ctx context.Context, dir, to, program string, tags ...string) (string, error) {
	args := []string{"build", "-trimpath", "-tags", strings.Join(tags, ","), "-o", to, program}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return to, nil
}

// upgrades tells whether a run changes between two programs.
func upgrades(specs []spec.Spec) bool {
	for _, s := range specs {
		faults, _ := s.Faults()
		for _, f := range faults {
			if f.Name == "upgrade" {
				return true
			}
		}
	}
	return false
}

// buildPrevious builds the program before this one. Where there is no history, as in a
// clone of one commit, it is the same program: then nodes change without a difference.
func (f *runFlags) buildPrevious(ctx context.Context) (string, error) {
	before := previous()
	if before == "" {
		fmt.Fprintln(os.Stderr, "faults: git knows no commit before this one, so upgrades are from this program to itself")
		return f.binary, nil
	}
	tree, err := os.MkdirTemp("", "conclave-previous-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tree) }()
	if err = unpack(ctx, before, tree); err != nil {
		return "", err
	}
	return build(ctx, tree, filepath.Join(f.out, programs, "conclave-previous"), product)
}

// previous is the commit of the last release, or the one before this while there is
// none; "" without a history.
func previous() string {
	return cmp.Or(git("describe", "--tags", "--abbrev=0", "HEAD~1"), git("rev-parse", "--verify", "--quiet", "HEAD~1"))
}

// unpack writes the files of a commit to a directory, or only those of some names.
func unpack(ctx context.Context, commit, to string, names ...string) error {
	args := append([]string{"-c", `git archive "$@" | tar -x -C "$0"`, to, commit, "--"}, names...)
	if out, err := exec.CommandContext(ctx, "sh", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking %s: %w: %s", commit, err, out)
	}
	return nil
}

// commit is that of the source, with a mark when there are changes.
func commit() string {
	id := git("rev-parse", "--short=10", "HEAD")
	if id != "" && git("status", "--porcelain", "--untracked-files=no") != "" {
		id += "+"
	}
	return id
}

// git asks git; "" is its answer when there is none.
func git(args ...string) string {
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// prefetch fetches what the programs under test are made of. It comes before the
// harness enters its namespaces, from where there is no way to a module proxy. What
// goes wrong, the build tells.
func prefetch() {
	if len(os.Args) < 2 || !slices.Contains([]string{"run", "replay", "planted"}, os.Args[1]) || rig.Entered() {
		return
	}
	_ = exec.Command("go", "list", "-deps", product).Run()
	before := previous()
	if before == "" || git("rev-parse", before+":go.sum") == git("rev-parse", "HEAD:go.sum") {
		return
	}
	dir, err := os.MkdirTemp("", "conclave-modules-")
	if err != nil {
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if unpack(context.Background(), before, dir, "go.mod", "go.sum") == nil {
		download := exec.Command("go", "mod", "download")
		download.Dir = dir
		_ = download.Run()
	}
}
