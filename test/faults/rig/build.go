//go:build linux

package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Build makes the conclave program at a path, with build tags if there are any. It
// has to run within the module. Inside of [Enter] there is no way to a registry, so
// what the program is made of must have been fetched before.
func Build(ctx context.Context, path string, tags ...string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", strings.Join(tags, ","),
		"-o", path, "github.com/conclavehq/conclave/cmd/conclave")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building conclave: %w\n%s", err, out)
	}
	return nil
}
