package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type nodesKey struct{}

// nodes are the server processes of one script, by name.
type nodes struct {
	running map[string]*exec.Cmd
}

// startNodes is `node NAME...`: it starts a cluster of these nodes, each with its
// data in $WORK/NAME, waits until all serve, and lets CONCLAVE_ENDPOINTS name
// them. $NAME is the client URL of each.
func startNodes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: node NAME...")
	}
	addresses, err := freeAddresses(2 * len(args))
	ts.Check(err)
	var members, endpoints []string
	for i, name := range args {
		members = append(members, name+"=http://"+addresses[2*i+1])
		endpoints = append(endpoints, "http://"+addresses[2*i])
		ts.Setenv(name, endpoints[i])
	}
	ts.Setenv("CONCLAVE_ENDPOINTS", strings.Join(endpoints, ","))
	program, err := lookProgram(ts)
	ts.Check(err)

	all := ts.Value(nodesKey{}).(*nodes)
	if all.running == nil { // else it is another cluster of the script
		all.running = make(map[string]*exec.Cmd)
	}
	var ready sync.WaitGroup
	failures := make([]error, len(args))
	for i, name := range args {
		cmd := exec.Command(program, "server", "--name", name, "--data-dir", ts.MkAbs(name),
			"--listen-client-urls", endpoints[i], "--listen-peer-urls", "http://"+addresses[2*i+1],
			"--initial-cluster", strings.Join(members, ","), "--log-format", "json")
		cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
		output, err := cmd.StderrPipe()
		ts.Check(err)
		ts.Check(cmd.Start())
		all.running[name] = cmd
		ts.Defer(func() { all.stop(name, syscall.SIGKILL) })
		ready.Go(func() { failures[i] = awaitReady(name, output) })
	}
	ready.Wait()
	for _, err := range failures {
		ts.Check(err)
	}
}

// awaitReady returns when the node serves. Its output is read to the end.
func awaitReady(name string, output io.Reader) error {
	ready, ended := make(chan struct{}), make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(ended)
		seen := false
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if !seen {
				log.WriteString(lines.Text() + "\n")
				if seen = strings.Contains(lines.Text(), "ready to serve client requests"); seen {
					close(ready)
				}
			}
		}
	}()
	select {
	case <-ready:
		return nil
	case <-ended:
		return fmt.Errorf("node %s ended before it was ready:\n%s", name, log.String())
	case <-time.After(patience):
		return fmt.Errorf("node %s was not ready after %s", name, patience)
	}
}

// stopNode is `kill-node NAME...`: the nodes are killed.
func stopNode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: kill-node NAME...")
	}
	for _, name := range args {
		ts.Value(nodesKey{}).(*nodes).stop(name, syscall.SIGKILL)
	}
}

func (n *nodes) stop(name string, signal os.Signal) {
	cmd := n.running[name]
	if cmd == nil {
		return
	}
	delete(n.running, name)
	_ = cmd.Process.Signal(signal) // it may have ended
	_ = cmd.Wait()
}

// lookProgram finds the program where scripts find it.
func lookProgram(ts *testscript.TestScript) (string, error) {
	for _, dir := range strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		path := dir + string(os.PathSeparator) + "conclave"
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// freeAddresses finds ports that nobody uses, all at once so that they differ.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
