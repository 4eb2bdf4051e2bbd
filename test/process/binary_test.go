package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// binary builds the conclave command once and returns its path.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.path = os.Getenv("CONCLAVE_TEST_BINARY"); built.path == "" {
			built.err = build()
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// build links what the tests of other packages have compiled already, where the
// environment is the same.
func build() (err error) {
	if built.dir, err = os.MkdirTemp("", "conclave-binary-"); err != nil {
		return err
	}
	built.path = filepath.Join(built.dir, "conclave")
	build := exec.Command("go", "build", "-o", built.path, "github.com/conclavehq/conclave/cmd/conclave")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return nil
}

// removeBinary deletes what was built.
func removeBinary() {
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
}
