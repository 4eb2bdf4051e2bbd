package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Without a history an upgrade is from the program to itself; with one, the program
// before is that of the last release, or of the commit before.
func TestPrevious(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(must(os.Getwd())))
	flags := runFlags{binary: "conclave"}
	if got, err := flags.buildPrevious(t.Context()); got != "conclave" || err != nil {
		t.Errorf("without a history it is %q: %v", got, err)
	}
	commit := func(text string) string {
		t.Helper()
		for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", text}} {
			if err := os.WriteFile("go.sum", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append([]string{"-c", "user.name=test", "-c", "user.email=test@localhost"}, args...)
			if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v: %s", args, err, out)
			}
		}
		return git("rev-parse", "HEAD")
	}
	first := commit("first")
	if got := previous(); got != "" {
		t.Errorf("before the first commit there is %q", got)
	}
	second := commit("second")
	if got := previous(); got != first {
		t.Errorf("before %s there is %q, want %q", second, got, first)
	}
	to := t.TempDir()
	if err := unpack(t.Context(), first, to, "go.sum"); err != nil {
		t.Fatal(err)
	}
	if text := string(must(os.ReadFile(filepath.Join(to, "go.sum")))); text != "first" {
		t.Errorf("of the first commit there is %q", text)
	}
	if err := unpack(t.Context(), "nothing", to); err == nil {
		t.Error("a commit that is not there was unpacked")
	}
}

// must is for what can fail only when the machine of the test does.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
