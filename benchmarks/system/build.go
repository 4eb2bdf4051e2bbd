package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build compiles both servers into a directory, the same way. module is the
// directory of this Go module.
func Build(ctx context.Context, module, dir string) (map[string]string, error) {
	programs := make(map[string]string)
	for _, target := range []struct{ name, from, pkg string }{
		{Etcd{}.Name(), module, "./cmd/etcd"},
		{Conclave{}.Name(), filepath.Dir(module), "./cmd/conclave"},
	} {
		program := filepath.Join(dir, target.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-C", target.from, "-trimpath", "-ldflags=-s -w", "-o", program, target.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot build %s: %w\n%s", target.name, err, out)
		}
		programs[target.name] = program
	}
	return programs, nil
}
