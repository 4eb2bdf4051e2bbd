package process

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// readyLine is in the line that a node logs once it serves.
const readyLine = "ready to serve client requests"

// Node is one conclave process that can be killed, paused and started again on
// the same directory and ports. Its methods are for one goroutine.
type Node struct {
	Name      string
	Dir       string
	ClientURL string
	PeerURL   string
	// Args are added to the command line.
	Args []string
	// Env is added to the environment.
	Env []string

	t       testing.TB
	process *running
	// last is the output of the life before.
	last string
}

// running is one life of a node.
type running struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when the ready line was seen
	exited chan struct{} // closed when the process has ended and was reaped

	mu     sync.Mutex
	output bytes.Buffer
}

// Start starts the process and returns without waiting for it to be ready.
func (n *Node) Start() {
	n.t.Helper()
	if n.process != nil {
		n.t.Fatalf("node %s runs already", n.Name)
	}
	args := append([]string{"server",
		"--name", n.Name, "--data-dir", n.Dir,
		"--listen-client-urls", n.ClientURL, "--listen-peer-urls", n.PeerURL,
		"--log-format", "json",
	}, n.Args...)
	life := &running{
		cmd:    exec.Command(Binary(n.t), args...),
		ready:  make(chan struct{}),
		exited: make(chan struct{}),
	}
	life.cmd.Env = append(os.Environ(), n.Env...)
	pipe, err := life.cmd.StderrPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := life.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.process = life
	go life.follow(pipe)
}

// follow keeps the output and ends when the process has.
func (r *running) follow(pipe io.Reader) {
	defer close(r.exited)
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	seen := false
	for lines.Scan() {
		r.mu.Lock()
		r.output.Write(lines.Bytes())
		r.output.WriteByte('\n')
		r.mu.Unlock()
		if !seen && strings.Contains(lines.Text(), readyLine) {
			seen = true
			close(r.ready)
		}
	}
	_ = r.cmd.Wait()
}

// WaitReady waits until the node serves, and fails the test if it ends first.
func (n *Node) WaitReady() {
	n.t.Helper()
	select {
	case <-n.process.ready:
	case <-n.process.exited:
		n.t.Fatalf("node %s ended before it was ready:\n%s", n.Name, n.Output())
	case <-time.After(60 * time.Second):
		n.t.Fatalf("node %s was not ready within a minute:\n%s", n.Name, n.Output())
	}
}

// Kill ends the process with SIGKILL and waits for its end.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Stop ends the process with SIGTERM and waits for its end.
func (n *Node) Stop() { n.end(syscall.SIGTERM) }

func (n *Node) end(signal syscall.Signal) {
	n.t.Helper()
	if n.process == nil {
		return
	}
	_ = n.process.cmd.Process.Signal(signal)
	n.WaitExit()
}

// WaitExit waits until the process has ended by itself and returns its exit code.
func (n *Node) WaitExit() int {
	n.t.Helper()
	select {
	case <-n.process.exited:
	case <-time.After(60 * time.Second):
		n.t.Errorf("node %s did not end within a minute:\n%s", n.Name, n.Output())
		_ = n.process.cmd.Process.Kill()
		<-n.process.exited
	}
	code := n.process.cmd.ProcessState.ExitCode()
	n.last = n.Output()
	n.process = nil
	return code
}

// Pause stops the process with SIGSTOP; Resume lets it go on.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP) }

// Resume continues a paused process.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(signal syscall.Signal) {
	n.t.Helper()
	if err := n.process.cmd.Process.Signal(signal); err != nil {
		n.t.Fatal(err)
	}
}

// Running says whether the process was started and not ended by the test.
func (n *Node) Running() bool { return n.process != nil }

// Output returns what the current life of the node has logged, or the last one
// if it does not run.
func (n *Node) Output() string {
	if n.process == nil {
		return n.last
	}
	n.process.mu.Lock()
	defer n.process.mu.Unlock()
	return n.process.output.String()
}

// Cluster is a set of nodes that know each other by --initial-cluster.
type Cluster struct {
	Nodes []*Node
}

// NewCluster prepares n nodes, starts them and waits until all serve. args are
// added to each command line.
func NewCluster(t testing.TB, n int, args ...string) *Cluster {
	t.Helper()
	c := PrepareCluster(t, n, args...)
	for _, node := range c.Nodes {
		node.Start()
	}
	for _, node := range c.Nodes {
		node.WaitReady()
	}
	return c
}

// PrepareCluster prepares n nodes without starting them. They end with the test.
func PrepareCluster(t testing.TB, n int, args ...string) *Cluster {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 2*n)
	c := &Cluster{}
	var members []string
	for i := range n {
		node := &Node{
			Name:      fmt.Sprintf("n%d", i+1),
			Dir:       filepath.Join(dir, fmt.Sprintf("n%d", i+1)),
			ClientURL: fmt.Sprintf("http://127.0.0.1:%d", ports[2*i]),
			PeerURL:   fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1]),
			t:         t,
		}
		members = append(members, node.Name+"="+node.PeerURL)
		c.Nodes = append(c.Nodes, node)
	}
	for _, node := range c.Nodes {
		node.Args = append([]string{"--initial-cluster", strings.Join(members, ",")}, args...)
	}
	t.Cleanup(func() {
		for _, node := range c.Nodes {
			if node.process != nil {
				_ = node.process.cmd.Process.Signal(syscall.SIGCONT)
				node.Kill()
			}
		}
	})
	return c
}

// Endpoints returns the client URLs of all nodes.
func (c *Cluster) Endpoints() []string {
	var urls []string
	for _, node := range c.Nodes {
		urls = append(urls, node.ClientURL)
	}
	return urls
}
