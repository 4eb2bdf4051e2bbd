package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fewDescriptors is how many files and connections a node may have open in these
// tests.
const fewDescriptors = 256

// Many connections that say nothing use up what a node may open. It goes on for
// those who are connected, makes its files as ever, and takes new connections as
// soon as those are gone.
func TestManyConnections(t *testing.T) {
	n := limited(t, setting{"snapshot-count", "50"})
	client := dial(t, n.clientURL)
	if _, err := client.Put(within(t, patience), "k", "v"); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{n.clientURL, n.peerURL} {
		address := strings.TrimPrefix(url, "http://")
		silent := connect(t, address, 3*fewDescriptors)
		for i := range 300 { // snapshots, tables and logs among them
			if _, err := client.Put(within(t, patience), fmt.Sprintf("k/%d", i), strings.Repeat("v", 2000)); err != nil {
				t.Fatalf("while %s is flooded: %v", url, err)
			}
		}
		for _, conn := range silent {
			_ = conn.Close()
		}
		eventually(t, patience, func(ctx context.Context) error {
			return second(dial(t, n.clientURL).Get(ctx, "k"))
		})
	}
	if !n.runs() {
		t.Fatalf("the node ended:\n%s", n.tail())
	}
}

// A node that may open nothing more at all does not end of what comes over the
// network, and recovers.
func TestNoDescriptors(t *testing.T) {
	one := startCluster(t, 1)
	n := one.nodes[0]
	client := dial(t, n.clientURL)
	if _, err := client.Put(within(t, patience), "k", "v"); err != nil {
		t.Fatal(err)
	}
	before := n.mayOpen(t, openFiles(t, n)+4)
	silent := connect(t, strings.TrimPrefix(n.clientURL, "http://"), 64)
	silent = append(silent, connect(t, strings.TrimPrefix(n.peerURL, "http://"), 64)...)
	eventually(t, patience, func(context.Context) error {
		if !strings.Contains(n.output(), "too many open files") {
			return errors.New("nobody complains")
		}
		return nil
	})
	for range 100 {
		if _, err := client.Put(within(t, patience), "k", "v"); err != nil {
			t.Fatal(err)
		}
	}
	if !n.runs() {
		t.Fatalf("the node ended:\n%s", n.tail())
	}
	for _, conn := range silent {
		_ = conn.Close()
	}
	n.mayOpen(t, before)
	eventually(t, patience, func(ctx context.Context) error {
		return second(dial(t, n.clientURL).Get(ctx, "k"))
	})
}

// limited starts a node alone that may open few files.
func limited(t *testing.T, more ...setting) *node {
	t.Helper()
	path, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("prlimit is not here")
	}
	one := prepareCluster(t, 1, more...)
	one.nodes[0].under = []string{path, fmt.Sprintf("--nofile=%d", fewDescriptors)}
	one.start()
	return one.nodes[0]
}

// mayOpen changes how many files the process may have open, and returns how many
// it might before.
func (n *node) mayOpen(t *testing.T, files int) (before int) {
	t.Helper()
	path, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("prlimit is not here")
	}
	pid := strconv.Itoa(n.life.cmd.Process.Pid)
	out, err := exec.Command(path, "--pid", pid, "--nofile", "--output", "SOFT", "--noheadings", "--raw").Output()
	if err != nil {
		t.Fatal(err)
	}
	if before, err = strconv.Atoi(strings.TrimSpace(string(out))); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "--pid", pid, fmt.Sprintf("--nofile=%d:", files)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return before
}

// openFiles is the number of the next file that the process opens, about.
func openFiles(t *testing.T, n *node) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(n.life.cmd.Process.Pid), "fd"))
	if err != nil {
		t.Skip("there is no /proc here")
	}
	return len(entries)
}

// connect opens connections and says nothing.
func connect(t *testing.T, address string, count int) (conns []net.Conn) {
	t.Helper()
	for range count {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			continue // the kernel's queue is full
		}
		t.Cleanup(func() { _ = conn.Close() })
		conns = append(conns, conn)
	}
	return conns
}
