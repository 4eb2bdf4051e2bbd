//go:build linux

package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/conclavehq/conclave/test/faults/disk"
)

// patience bounds what a node of a loaded machine may take to start or to end.
const patience = time.Minute

// Node is one member of a cluster. Its process can be ended and started again on the
// same data and addresses. Its methods may be used by many goroutines.
type Node struct {
	name, host, members string
	dir, logPath        string
	cluster             *Cluster
	disk                *disk.Disk // nil without disks
	group               *group

	mu     sync.Mutex // protects what follows
	binary string
	env    []string
	extra  []string
	life   *life // the newest one; nil before the first
}

// life is one process of a node.
type life struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended and was reaped
	logged int64         // how long the log was when it began

	// Guarded by the node's mutex:
	paused bool
	asked  syscall.Signal // SIGKILL or SIGTERM, once the harness has sent it
	doomed bool           // it may end by itself
}

func (l *life) over() bool {
	select {
	case <-l.exited:
		return true
	default:
		return false
	}
}

// Name of the node, and of its endpoint in the network.
func (n *Node) Name() string { return n.name }

// ClientURL is where the SDK reaches it.
func (n *Node) ClientURL() string { return n.url(clientPort) }

// EtcdURL is where etcd's clients reach it.
func (n *Node) EtcdURL() string { return n.url(etcdPort) }

// Dir is its data directory.
func (n *Node) Dir() string { return n.dir }

// Disk is what its data is on, or nil.
func (n *Node) Disk() *disk.Disk { return n.disk }

// PID of the process, 0 when there is none.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil || n.life.over() {
		return 0
	}
	return n.life.cmd.Process.Pid
}

// SetFlag adds a flag, which wins over earlier ones of that name, for the lives to
// come.
func (n *Node) SetFlag(name, value string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.extra = append(slices.Clone(n.extra), name, value)
}

// Binary is the program of the next life.
func (n *Node) Binary() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.binary
}

// SetBinary changes the program for the lives to come, e.g. to another version.
func (n *Node) SetBinary(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.binary = path
}

// Exited is closed when the process has ended, by whatever cause. Each life has its
// own channel; before the first it is nil, which blocks.
func (n *Node) Exited() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil {
		return nil
	}
	return n.life.exited
}

// ExitCode of the last life that has ended: -1 when a signal has ended it, or when
// the process still runs.
func (n *Node) ExitCode() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil || !n.life.over() {
		return -1
	}
	return n.life.cmd.ProcessState.ExitCode()
}

// Start starts the process and does not wait for it to serve.
func (n *Node) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life != nil && !n.life.over() {
		return fmt.Errorf("node %s runs already", n.name)
	}
	log, err := os.OpenFile(n.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	before, err := log.Stat()
	if err != nil {
		return err
	}
	l := &life{cmd: n.command(), exited: make(chan struct{}), logged: before.Size()}
	l.cmd.Stdout, l.cmd.Stderr = log, log
	if err := n.cluster.network.In(n.name, l.cmd.Start); err != nil {
		return fmt.Errorf("starting node %s: %w", n.name, err)
	}
	n.life = l
	n.group.add(l.cmd.Process.Pid)
	n.cluster.note("%s started, process %d", n.name, l.cmd.Process.Pid)
	go func() {
		_ = l.cmd.Wait() // how it ended is in the state of the process
		n.cluster.note("%s ended: %v", n.name, l.cmd.ProcessState)
		n.reaped(l)
		close(l.exited)
	}()
	return nil
}

// command is what a user would type to start the node.
func (n *Node) command() *exec.Cmd {
	cmd := exec.Command(n.binary, "server",
		"--name", n.name,
		"--data-dir", n.dir,
		"--listen-client-urls", n.ClientURL(),
		"--listen-etcd-urls", n.EtcdURL(),
		"--listen-peer-urls", n.url(peerPort),
		"--initial-cluster", n.members,
		"--log-format", "json")
	cmd.Args = append(cmd.Args, n.extra...)
	// What the machine of the test has set up for conclave is not what is tested.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CONCLAVE_") })
	cmd.Env = append(cmd.Env, n.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}
