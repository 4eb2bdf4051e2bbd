package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// commandTimeout bounds a command that is expected to end by itself.
const commandTimeout = 30 * time.Second

// ended is what a command left behind.
type ended struct {
	args   []string
	stdout string
	stderr string
	code   int
	took   time.Duration
}

// run types `conclave ARGS…` and waits for its end.
func run(t testing.TB, args ...string) ended {
	t.Helper()
	return allAtOnce(t, args)[0]
}

// allAtOnce types several commands in as many terminals and waits for all their ends.
func allAtOnce(t testing.TB, commands ...[]string) []ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	all := make([]ended, len(commands))
	var running errgroup.Group
	for i, args := range commands {
		cmd := exec.CommandContext(ctx, binary(t), args...)
		cmd.Env = environment()
		running.Go(func() (err error) { all[i], err = finish(ctx, cmd); return err })
	}
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// finish runs a command to its end.
func finish(ctx context.Context, cmd *exec.Cmd) (ended, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return ended{}, fmt.Errorf("%q: %w", cmd.Args, err)
	}
	if ctx.Err() != nil {
		return ended{}, fmt.Errorf("%q did not end within %v:\n%s%s", cmd.Args[1:], commandTimeout, stdout.String(), stderr.String())
	}
	return ended{
		args:   cmd.Args[1:],
		stdout: stdout.String(),
		stderr: stderr.String(),
		code:   cmd.ProcessState.ExitCode(),
		took:   time.Since(began),
	}, nil
}

// on is run with --endpoints of the node.
func (n *node) on(t testing.TB, args ...string) ended {
	t.Helper()
	return run(t, append([]string{"--endpoints", n.clientURL}, args...)...)
}

// ok fails the test unless the command succeeded, and returns what it printed.
func (e ended) ok(t testing.TB) string {
	t.Helper()
	if e.code != 0 {
		t.Fatalf("conclave %q ended with %d:\n%s%s", e.args, e.code, e.stdout, e.stderr)
	}
	return e.stdout
}

// refused fails the test unless the command failed with one sentence that
// contains want, in capitals or not, and nothing else.
func (e ended) refused(t testing.TB, want string) {
	t.Helper()
	if e.code == 0 {
		t.Errorf("conclave %q succeeded:\n%s", e.args, e.stdout)
	}
	oneSentence(t, e, want)
}

// oneSentence checks the complaint of a command.
func oneSentence(t testing.TB, e ended, want string) {
	t.Helper()
	said := strings.TrimSuffix(e.stderr, "\n")
	switch {
	case said == "" || strings.Contains(said, "\n"):
		t.Errorf("conclave %q: want one line that says %q, got %q", e.args, want, e.stderr)
	case !strings.Contains(strings.ToLower(said), strings.ToLower(want)):
		t.Errorf("conclave %q: want a sentence with %q, got %q", e.args, want, said)
	case strings.Contains(said, "panic") || strings.Contains(said, "goroutine "):
		t.Errorf("conclave %q ended with a stack: %q", e.args, said)
	}
	if e.stdout != "" {
		t.Errorf("conclave %q complained and printed %q", e.args, e.stdout)
	}
}
