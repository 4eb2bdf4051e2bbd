package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/conclavehq/conclave/test/faults/spec"
)

// build makes the programs that the runs need and that no flag names.
func (f *runFlags) build(ctx context.Context, specs []spec.Spec) error {
	var err error
	if f.out, err = filepath.Abs(f.out); err != nil {
		return err
	}
	if f.binary == "" {
		if f.binary, err = build(ctx, ".", filepath.Join(f.out, "bin", "conclave"), product); err != nil {
			return err
		}
	}
	if f.previous == "" && upgrades(specs) {
		f.previous, err = buildPrevious(ctx, filepath.Join(f.out, "bin"))
	}
	return err
}

// product is the package of the program under test.
const product = "./cmd/conclave"

// build builds a program of the module in a directory, with build tags.
func build(ctx context.Context, dir, to, program string, tags ...string) (string, error) {
	args := []string{"build", "-trimpath", "-tags", strings.Join(tags, ","), "-o", to, program}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
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

// buildPrevious builds the program of the last release, or of the commit before this
// one while there is none. Without a history there is no such program: "".
func buildPrevious(ctx context.Context, dir string) (string, error) {
	before := git("describe", "--tags", "--abbrev=0", "HEAD~1")
	if before == "" {
		before = git("rev-parse", "--verify", "--quiet", "HEAD~1")
	}
	if before == "" {
		return "", nil
	}
	tree := filepath.Join(dir, "previous-source")
	if err := os.RemoveAll(tree); err != nil {
		return "", err
	}
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return "", err
	}
	unpack := exec.CommandContext(ctx, "sh", "-c", `git archive "$1" | tar -x -C "$2"`, "sh", before, tree)
	if out, err := unpack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpacking %s: %w: %s", before, err, out)
	}
	defer func() { _ = os.RemoveAll(tree) }()
	return build(ctx, tree, filepath.Join(dir, "conclave-previous"), product)
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

// prefetch fetches what the program under test is made of. It comes before the
// harness enters its namespaces, from where there is no way to a module proxy. What
// goes wrong, the build tells.
func prefetch() {
	if len(os.Args) > 1 && slices.Contains([]string{"run", "replay", "planted"}, os.Args[1]) {
		_ = exec.Command("go", "list", "-deps", product).Run()
	}
}
