package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds what a process of a loaded machine may take to start or end.
const patience = time.Minute

// node is one conclave process with its three ports.
type node struct {
	client, etcd, peer string // host:port
	cmd                *exec.Cmd
	exited             chan struct{}

	mu  sync.Mutex // protects log
	log []string
}

// start runs a node alone, in a directory of its own, and ends it with the test.
func start(t *testing.T) *node {
	t.Helper()
	n := &node{client: port(t), etcd: port(t), peer: port(t), exited: make(chan struct{})}
	n.cmd = exec.Command(program(t), "server", "--data-dir", t.TempDir(), "--log-format", "json",
		"--listen-client-urls", "http://"+n.client, "--listen-etcd-urls", "http://"+n.etcd, "--listen-peer-urls", "http://"+n.peer)
	// What the machine of the test has set up for conclave is not what is tested.
	n.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CONCLAVE_") })
	out, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go n.follow(bufio.NewReader(out), ready)
	t.Cleanup(n.stop)
	select {
	case <-ready:
	case <-n.exited:
		t.Fatalf("the node ended before it was ready:\n%s", n.tail())
	case <-time.After(patience):
		t.Fatalf("the node was not ready in time:\n%s", n.tail())
	}
	return n
}

// follow keeps what the process says, in lines of whatever length, and ends with it.
func (n *node) follow(lines *bufio.Reader, ready chan<- struct{}) {
	defer close(n.exited)
	served := false
	for {
		line, err := lines.ReadString('\n')
		n.mu.Lock()
		n.log = append(n.log, strings.TrimSuffix(line, "\n"))
		n.mu.Unlock()
		if !served && strings.Contains(line, "ready to serve client requests") {
			served = true
			close(ready)
		}
		if err != nil {
			break // it has ended
		}
	}
	_ = n.cmd.Wait()
}

func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(patience):
		_ = n.cmd.Process.Kill()
		<-n.exited
	}
}

// alive says whether the process runs.
func (n *node) alive() bool {
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// tail is the end of the log.
func (n *node) tail() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.log[max(0, len(n.log)-40):], "\n")
}

// said are the lines of the log that contain a word.
func (n *node) said(word string) (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.log {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return lines
}

// resident is the memory of the process in bytes. A machine without /proc skips the
// test; a process that has ended fails it.
func (n *node) resident(t *testing.T) int64 {
	t.Helper()
	bytes, err := n.memory()
	if errors.Is(err, errNoProc) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, n.tail())
	}
	return bytes
}

// errNoProc is of the machine, not of the process.
var errNoProc = errors.New("no /proc to read the memory of a process from")

func (n *node) memory() (int64, error) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		return 0, errNoProc
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the process has ended: %w", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err == nil && pages == 0 {
		err = errors.New("the process has ended: it has no memory")
	}
	return pages * int64(os.Getpagesize()), err
}

// port is an address that was free a moment ago.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

var built struct {
	once      sync.Once
	dir, path string
	err       error
}

// program builds the conclave command once; CONCLAVE_TEST_BINARY names another.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.path = os.Getenv("CONCLAVE_TEST_BINARY"); built.path != "" {
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "conclave-hostile-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "conclave")
		out, err := exec.Command("go", "build", "-o", built.path, "github.com/conclavehq/conclave/cmd/conclave").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("building the binary: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}
