package single

import (
	"os"
	"path/filepath"
	"testing"
)

// A node that logs a line of any length is read on, and not held up by it.
func TestLongLines(t *testing.T) {
	program := filepath.Join(t.TempDir(), "node")
	script := "#!/bin/sh\n(head -c 3000000 /dev/zero | tr '\\0' x; echo; echo ready to serve client requests) >&2\nexec sleep 60\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONCLAVE_TEST_BINARY", program)
	n := Prepare(t, t.TempDir())
	n.Start()
	n.Kill()
	if got := n.output.Len(); got < 3_000_000 {
		t.Errorf("%d bytes of the log were read", got)
	}
}
