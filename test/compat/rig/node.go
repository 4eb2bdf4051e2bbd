package rig

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// readyLine is in the line that a node of either kind logs once it serves.
const readyLine = "ready to serve client requests"

// Node is one server process that can be killed and started again on the same
// directory and ports. Its methods are for one goroutine.
type Node struct {
	// Name of the node in its cluster.
	Name string
	// Endpoint is the address where etcd's clients are served by grpc-go.
	Endpoint string
	// Site is the address of Conclave's own clients, which serves etcd's as well;
	// with etcd it is the Endpoint.
	Site string
	// Peer is the address where the other nodes are served.
	Peer string

	program Program
	args    []string
	t       testing.TB
	life    *life // nil while it does not run
}

// life is one process of a node.
type life struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when the ready line was seen
	exited chan struct{} // closed when the process has ended and was reaped

	mu     sync.Mutex
	output bytes.Buffer
}

// Start starts the process and returns without waiting for it to be ready.
func (n *Node) Start() {
	n.t.Helper()
	if n.life != nil {
		n.t.Fatalf("node %s runs already", n.Name)
	}
	l := &life{cmd: exec.Command(n.program.Path(n.t), n.args...), ready: make(chan struct{}), exited: make(chan struct{})}
	l.cmd.Env = Environment()
	pipe, err := l.cmd.StderrPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.life = l
	go l.follow(pipe)
}

// Environment is what processes inherit: what the machine of the test has set up
// for conclave or for etcd is not what is tested.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CONCLAVE_") || strings.HasPrefix(v, "ETCD")
	})
}

// follow keeps the output and ends when the process has.
func (l *life) follow(pipe io.Reader) {
	defer close(l.exited)
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	seen := false
	for lines.Scan() {
		l.mu.Lock()
		l.output.Write(lines.Bytes())
		l.output.WriteByte('\n')
		l.mu.Unlock()
		if !seen && strings.Contains(lines.Text(), readyLine) {
			seen = true
			close(l.ready)
		}
	}
	_ = l.cmd.Wait()
}

// WaitReady waits until the node serves, and fails the test if it ends first.
func (n *Node) WaitReady() {
	n.t.Helper()
	select {
	case <-n.life.ready:
	case <-n.life.exited:
		n.t.Fatalf("node %s ended before it was ready:\n%s", n.Name, n.Output())
	case <-time.After(Patience):
		n.t.Fatalf("node %s was not ready within %v:\n%s", n.Name, Patience, n.Output())
	}
}

// Kill ends the process with SIGKILL and waits for its end.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Stop ends the process with SIGTERM and waits for its end.
func (n *Node) Stop() { n.end(syscall.SIGTERM) }

// Restart kills the process, starts another one and waits until it serves.
func (n *Node) Restart() {
	n.t.Helper()
	n.Kill()
	n.Start()
	n.WaitReady()
}

func (n *Node) end(signal syscall.Signal) {
	n.t.Helper()
	if n.life == nil {
		return
	}
	_ = n.life.cmd.Process.Signal(signal) // it may have ended
	select {
	case <-n.life.exited:
	case <-time.After(Patience):
		n.t.Errorf("node %s did not end within %v:\n%s", n.Name, Patience, n.Output())
		_ = n.life.cmd.Process.Kill()
		<-n.life.exited
	}
	n.life = nil
}

// Output is what the process that runs has logged.
func (n *Node) Output() string {
	if n.life == nil {
		return ""
	}
	n.life.mu.Lock()
	defer n.life.mu.Unlock()
	return n.life.output.String()
}
