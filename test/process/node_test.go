package process

import (
	"bufio"
	"bytes"
	"io"
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

// readyLine is in the line that a node logs once it serves.
const readyLine = "ready to serve client requests"

// patience bounds what a node of a loaded machine may take to start or end.
const patience = time.Minute

// logsDir is a variable that names a directory for the logs of all nodes.
const logsDir = "CONCLAVE_TEST_LOGS"

// setting is one setting of `conclave server`, by the name of its flag.
type setting struct{ name, value string }

// way is how a process is given its settings.
type way int

const (
	byFlags way = iota
	byVariables
	byFile
)

// node is one conclave process that can be killed, paused and started again on
// the same directory and ports. Its methods are for one goroutine.
type node struct {
	name      string
	dir       string
	clientURL string
	peerURL   string
	// cluster is the value of --initial-cluster.
	cluster string
	// more are further settings; they win over those that the fields above give.
	more []setting
	by   way
	// under is a command that runs the node's, if any.
	under []string

	t    testing.TB
	life *life // nil when it does not run
	// last is the output of the life before.
	last string
}

// life is one process of a node.
type life struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when the ready line was seen
	exited chan struct{} // closed when the process has ended and was reaped

	mu     sync.Mutex
	output bytes.Buffer
}

// settings are all settings of the node.
func (n *node) settings() []setting {
	all := []setting{
		{"name", n.name},
		{"data-dir", n.dir},
		{"listen-client-urls", n.clientURL},
		{"listen-peer-urls", n.peerURL},
		{"initial-cluster", n.cluster},
		{"log-format", "json"},
	}
	if os.Getenv(logsDir) != "" {
		all = append(all, setting{"log-level", "debug"})
	}
	for _, s := range n.more {
		all = slices.DeleteFunc(all, func(old setting) bool { return old.name == s.name })
		all = append(all, s)
	}
	return all
}

// set changes a setting for the lives to come.
func (n *node) set(name, value string) { n.more = append(n.more, setting{name, value}) }

// command is what a user would type to start the node.
func (n *node) command() *exec.Cmd {
	n.t.Helper()
	run := append(slices.Clone(n.under), binary(n.t), "server")
	cmd := exec.Command(run[0], run[1:]...)
	cmd.Env = environment()
	var file strings.Builder
	for _, s := range n.settings() {
		switch n.by {
		case byFlags:
			cmd.Args = append(cmd.Args, "--"+s.name, s.value)
		case byVariables:
			variable := "CONCLAVE_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
			cmd.Env = append(cmd.Env, variable+"="+s.value)
		case byFile:
			file.WriteString(s.name + ": " + strconv.Quote(s.value) + "\n")
		}
	}
	if n.by == byFile {
		path := filepath.Join(filepath.Dir(n.dir), n.name+".yaml")
		if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
			n.t.Fatal(err)
		}
		cmd.Args = append(cmd.Args, "--config-file", path)
	}
	return cmd
}

// environment is what processes inherit: what the machine of the test has set up
// for conclave is not what is tested.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CONCLAVE_") })
}

// start starts the process and returns without waiting for it to be ready.
func (n *node) start() {
	n.t.Helper()
	if n.life != nil {
		n.t.Fatalf("node %s runs already", n.name)
	}
	l := &life{cmd: n.command(), ready: make(chan struct{}), exited: make(chan struct{})}
	pipe, err := l.cmd.StderrPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.life = l
	go l.follow(pipe, n.keptLog())
}

// keptLog is where all lives of the node log to as well, if anywhere.
func (n *node) keptLog() io.WriteCloser {
	n.t.Helper()
	dir := os.Getenv(logsDir)
	if dir == "" {
		return nil
	}
	name := strings.ReplaceAll(n.t.Name(), "/", "_") + "." + n.name + ".log"
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	return file
}

// follow keeps the output and ends when the process has.
func (l *life) follow(pipe io.Reader, kept io.WriteCloser) {
	defer close(l.exited)
	if kept != nil {
		defer func() { _ = kept.Close() }()
		pipe = io.TeeReader(pipe, kept)
	}
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

// waitReady waits until the node serves, and fails the test if it ends first.
func (n *node) waitReady() {
	n.t.Helper()
	select {
	case <-n.life.ready:
	case <-n.life.exited:
		n.t.Fatalf("node %s ended before it was ready:\n%s", n.name, n.output())
	case <-time.After(patience):
		n.t.Fatalf("node %s was not ready within %v:\n%s", n.name, patience, n.output())
	}
}

// kill ends the process with SIGKILL and waits for its end.
func (n *node) kill() { n.end(syscall.SIGKILL) }

// stop ends the process with SIGTERM, waits for its end and returns its exit
// code.
func (n *node) stop() int { return n.end(syscall.SIGTERM) }

func (n *node) end(signal syscall.Signal) int {
	n.t.Helper()
	if n.life == nil {
		return 0
	}
	_ = n.life.cmd.Process.Signal(signal)
	return n.waitExit()
}

// waitExit waits until the process has ended by itself and returns its exit code.
func (n *node) waitExit() int {
	n.t.Helper()
	select {
	case <-n.life.exited:
	case <-time.After(patience):
		n.t.Errorf("node %s did not end within %v:\n%s", n.name, patience, n.output())
		_ = n.life.cmd.Process.Kill()
		<-n.life.exited
	}
	code := n.life.cmd.ProcessState.ExitCode()
	n.last = n.output()
	n.life = nil
	return code
}

// pause stops the process with SIGSTOP; resume lets it go on.
func (n *node) pause() { n.signal(syscall.SIGSTOP) }

// resume continues a paused process.
func (n *node) resume() { n.signal(syscall.SIGCONT) }

func (n *node) signal(signal syscall.Signal) {
	n.t.Helper()
	if err := n.life.cmd.Process.Signal(signal); err != nil {
		n.t.Fatal(err)
	}
}

// output is what the current life of the node has logged, or the last one if it
// does not run.
func (n *node) output() string {
	if n.life == nil {
		return n.last
	}
	n.life.mu.Lock()
	defer n.life.mu.Unlock()
	return n.life.output.String()
}

// tail is the end of the output, for the message of a failure.
func (n *node) tail() string {
	const enough = 4000
	out := n.output()
	if len(out) > enough {
		out = "…" + out[len(out)-enough:]
	}
	return out
}
