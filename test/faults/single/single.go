// Package single runs a single conclave node as a process of its own, for the tests
// of the faults themselves; runs of faults use rig.
package single

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds what a node of a loaded machine may take to start or end.
const patience = time.Minute

// Node is a node that can be killed and started again on the same directory and
// ports. Its methods are for one goroutine.
type Node struct {
	// URL is where clients find it.
	URL string

	t      testing.TB
	binary string
	dir    string
	peer   string
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process was reaped

	mu     sync.Mutex // protects what follows
	output bytes.Buffer
}

// Prepare builds the binary (unless CONCLAVE_TEST_BINARY names one) for a node that
// keeps its data in dir. The process ends with the test.
func Prepare(t testing.TB, dir string) *Node {
	t.Helper()
	n := &Node{t: t, dir: dir, binary: os.Getenv("CONCLAVE_TEST_BINARY")}
	if n.binary == "" {
		n.binary = filepath.Join(t.TempDir(), "conclave")
		build := exec.Command("go", "build", "-o", n.binary, "github.com/conclavehq/conclave/cmd/conclave")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the binary: %v\n%s", err, out)
		}
	}
	n.URL, n.peer = freeURL(t), freeURL(t)
	t.Cleanup(n.Kill)
	return n
}

// Start starts the process and waits until it serves.
func (n *Node) Start() {
	n.t.Helper()
	if err := n.TryStart(); err != nil {
		n.t.Fatal(err)
	}
}

// TryStart is Start, with an error that has the end of the log if the process ends
// instead.
func (n *Node) TryStart() error {
	n.Kill()
	n.output.Reset()
	n.cmd = exec.Command(n.binary, "server", "--name", "n1", "--data-dir", n.dir, "--log-format", "json",
		"--listen-client-urls", n.URL, "--listen-peer-urls", n.peer, "--initial-cluster", "n1="+n.peer)
	// What the machine of the test has set up for conclave is not what is tested.
	n.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CONCLAVE_") })
	pipe, err := n.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan struct{})
	n.ended = make(chan struct{})
	go n.follow(pipe, ready, n.ended)
	select {
	case <-ready:
		return nil
	case <-n.ended:
		return fmt.Errorf("the node ended before it served:\n%s", n.log())
	case <-time.After(patience):
		return fmt.Errorf("the node did not serve within %v:\n%s", patience, n.log())
	}
}

// follow keeps the output, in lines of whatever length, until the process has ended.
func (n *Node) follow(pipe io.Reader, ready, ended chan struct{}) {
	defer close(ended)
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadString('\n')
		n.mu.Lock()
		n.output.WriteString(line)
		n.mu.Unlock()
		if ready != nil && strings.Contains(line, "ready to serve client requests") {
			close(ready)
			ready = nil
		}
		if err != nil {
			break // it has ended
		}
	}
	_ = n.cmd.Wait()
}

// PID is the id of the process.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Ended is closed when the process has ended, by itself or not.
func (n *Node) Ended() <-chan struct{} { return n.ended }

// Kill ends the process with SIGKILL, if it runs, and waits for its end.
func (n *Node) Kill() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.ended
	n.cmd = nil
}

// log is the end of what the process has logged.
func (n *Node) log() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.output.String()
	return out[max(0, len(out)-4000):]
}

// freeURL finds a loopback port that nobody listens on.
func freeURL(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}
