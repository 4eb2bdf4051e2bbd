package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// exampleTTL is the TTL of what is killed here.
const exampleTTL = 4 * time.Second

// The programs in examples/ do together, in processes of their own, what they do
// alone.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "github.com/conclavehq/conclave/examples/...")
	build.Env = environment()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the examples: %v\n%s", err, out)
	}
	one := startCluster(t, 1)
	start := func(t *testing.T, name string, args ...string) *example {
		t.Helper()
		args = append(args, "-endpoints", one.nodes[0].clientURL)
		return startExample(t, exec.Command(filepath.Join(dir, name), args...))
	}
	t.Run("discovery", func(t *testing.T) { discovery(t, start) })
	t.Run("filelock", func(t *testing.T) { filelock(t, start) })
	t.Run("scheduler", func(t *testing.T) { scheduler(t, one, start) })
}

type starter func(t *testing.T, name string, args ...string) *example

// discovery kills one service and stops another one, while a client follows.
//
// Promises G1, T3.
func discovery(t *testing.T, start starter) {
	t.Parallel()
	serve := []string{"-role", "service", "-instances", "1", "-for", "0", "-ttl", exampleTTL.String()}
	killed := start(t, "discovery", append(serve, "-name", "a")...)
	stopped := start(t, "discovery", append(serve, "-name", "b")...)
	client := start(t, "discovery", "-role", "client", "-for", "0", "-every", "50ms")
	client.says(`^client: hello from a-1$`)
	client.says(`^client: hello from b-1$`)

	took := watchStalls(t).stopwatch()
	killed.end(syscall.SIGKILL)
	client.says(`^client: a-1 is gone: session expired$`)
	if gone := took(); gone > exampleTTL+time.Second {
		t.Errorf("the killed service was gone after %v, with a TTL of %v", gone, exampleTTL)
	}
	stopped.stop()
	client.says(`^client: b-1 is draining at `)
	client.says(`^client: b-1 is gone: session closed$`)
	client.stop()
}

// filelock has three processes count in one file, one of whose workers stalls.
//
// Promise R2.
func filelock(t *testing.T, start starter) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "counter.txt")
	var processes []*example
	for _, name := range []string{"a", "b", "c"} {
		processes = append(processes, start(t, "filelock", "-file", file, "-name", name, "-workers", "2",
			"-increments", "5", "-ttl", exampleTTL.String(), "-stall="+strconv.FormatBool(name == "a")))
	}
	last := 0
	for _, p := range processes {
		count, _ := strconv.Atoi(p.says(`and the file says (\d+)$`)[1])
		last = max(last, count)
		if code := p.waitExit(); code != 0 {
			t.Errorf("it ended with %d:\n%s", code, p.output())
		}
	}
	if last != 30 {
		t.Errorf("the file says %d after 3 processes × 2 workers × 5 increments", last)
	}
	processes[0].says(`^a-1 wakes up and writes with token \d+: refused by the file`)
}

// scheduler kills the process that leads while another one stands.
//
// Promises E2, E5.
func scheduler(t *testing.T, one *cluster, start starter) {
	t.Parallel()
	stand := []string{"-candidates", "1", "-ticks", "0", "-resign-after", "0", "-every", "50ms", "-ttl", exampleTTL.String()}
	leader := start(t, "scheduler", append(stand, "-name", "a")...)
	term := leader.number(`^a-1 ran tick 3 in term (\d+)$`)
	next := start(t, "scheduler", append(stand, "-name", "b")...)
	eventually(t, patience, func(ctx context.Context) error {
		n, err := waiting(ctx, one.client, "lead", "scheduler")
		if err == nil && n == 0 {
			err = errors.New("nobody stands")
		}
		return err
	})

	leader.end(syscall.SIGKILL)
	if higher := next.number(`^b-1 leads in term (\d+) `); higher <= term {
		t.Errorf("term %d after term %d", higher, term)
	}
	done := next.number(` goes on after tick (\d+)$`)
	if leader.mentions(fmt.Sprintf(`ran tick %d `, done+1)) {
		t.Errorf("the next leader goes on after tick %d, but the killed one recorded more:\n%s", done, leader.output())
	}
	next.says(fmt.Sprintf(`^b-1 ran tick %d `, done+1))
	next.stop()
}

// example is a process of a program in examples/.
type example struct {
	t      testing.TB
	cmd    *exec.Cmd
	exited chan struct{}

	mu      sync.Mutex // protects printed
	printed bytes.Buffer
}

func startExample(t testing.TB, cmd *exec.Cmd) *example {
	t.Helper()
	e := &example{t: t, cmd: cmd, exited: make(chan struct{})}
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = e, e
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.exited)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { e.end(syscall.SIGKILL) })
	return e
}

// Write keeps what the process prints.
func (e *example) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.printed.Write(b)
}

func (e *example) output() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.printed.String()
}

func (e *example) mentions(pattern string) bool {
	return regexp.MustCompile("(?m)" + pattern).MatchString(e.output())
}

// says waits for a line and returns its submatches.
func (e *example) says(pattern string) (found []string) {
	e.t.Helper()
	line := regexp.MustCompile("(?m)" + pattern)
	eventually(e.t, patience, func(context.Context) error {
		if found = line.FindStringSubmatch(e.output()); found == nil {
			return fmt.Errorf("%q has no line like %s:\n%s", e.cmd.Args, pattern, e.output())
		}
		return nil
	})
	return found
}

// number waits for a line with a number in it.
func (e *example) number(pattern string) int {
	e.t.Helper()
	n, err := strconv.Atoi(e.says(pattern)[1])
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

// stop ends the process as Ctrl-C does, and fails the test if it complains.
func (e *example) stop() {
	e.t.Helper()
	if code := e.end(syscall.SIGINT); code != 0 {
		e.t.Errorf("%q ended with %d:\n%s", e.cmd.Args, code, e.output())
	}
}

func (e *example) end(signal syscall.Signal) int {
	_ = e.cmd.Process.Signal(signal) // it may have ended
	return e.waitExit()
}

func (e *example) waitExit() int {
	select {
	case <-e.exited:
	case <-time.After(patience):
		e.t.Errorf("%q did not end within %v:\n%s", e.cmd.Args, patience, e.output())
		_ = e.cmd.Process.Kill()
		<-e.exited
	}
	return e.cmd.ProcessState.ExitCode()
}
