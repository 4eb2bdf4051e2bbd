//go:build linux

package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/rig/link"
)

func dial(t testing.TB, c *Cluster) *conclave.Client {
	t.Helper()
	client, err := conclave.Dial(t.Context(), c.Endpoints())
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// wantEqual fails the test unless all replicas are equal.
func wantEqual(t testing.TB, c *Cluster) {
	t.Helper()
	all, err := c.Hashes(within(t, time.Minute))
	must(t, err)
	for _, h := range all {
		if !h.Equal || len(h.Nodes) != len(c.Nodes()) {
			t.Errorf("shard %d at index %d: %v", h.Shard, h.Index, h.Nodes)
		}
	}
}

func TestLeaderIsKilled(t *testing.T) {
	var log strings.Builder
	c := start(t, Config{Log: &log})
	client := dial(t, c)
	ctx := within(t, time.Minute)
	must(t, c.Healthy(ctx))
	leader, err := c.Leader(ctx)
	must(t, err)
	_, err = client.Put(ctx, "a", "before")
	must(t, err)

	pid := leader.PID()
	leader.Kill()
	select {
	case <-leader.Exited():
	default:
		t.Error("Kill has not waited")
	}
	if leader.PID() != 0 {
		t.Error("a killed node has a process")
	}
	if _, err = os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
		t.Error("the process is still there")
	}
	next, err := c.Leader(ctx)
	must(t, err)
	if next == leader {
		t.Error("a killed node leads")
	}
	_, err = client.Put(ctx, "a", "between")
	must(t, err)
	must(t, leader.Start(ctx))
	if err = leader.Start(ctx); err == nil {
		t.Error("a node can be started twice")
	}
	must(t, leader.WaitReady(ctx))
	must(t, c.Healthy(ctx))
	wantEqual(t, c)
	kv, err := client.Get(ctx, "a")
	if err != nil || kv.String() != "between" {
		t.Errorf("a is %v: %v", kv, err)
	}

	leader.Terminate()
	select {
	case <-leader.Exited():
	case <-ctx.Done():
		t.Fatal("a node does not end on SIGTERM")
	}
	if leader.ExitCode() != 0 {
		t.Errorf("exit code %d, and the log ends with %q", leader.ExitCode(), leader.LastLog(3))
	}
	if got := strings.Count(log.String(), leader.Name()+" started"); got != 2 {
		t.Errorf("the log of the harness has %d starts:\n%s", got, &log)
	}
}

func TestLeaderIsCutOff(t *testing.T) {
	c := start(t, Config{})
	client := dial(t, c)
	ctx := within(t, time.Minute)
	old, err := c.Leader(ctx)
	must(t, err)
	must(t, c.Network().SetAll(map[link.Way]link.Rule{
		{From: old.Name(), To: link.All}:     {Cut: true},
		{From: link.All, To: old.Name()}:     {Cut: true},
		{From: old.Name(), To: link.Clients}: {},
		{From: link.Clients, To: old.Name()}: {},
	}))
	must(t, until(ctx, func(ctx context.Context) error { return ledByAnother(ctx, c, old) }))
	_, err = client.Put(ctx, "a", "without the old leader")
	must(t, err)
	must(t, c.Network().Clear())
	must(t, c.Healthy(ctx))
	wantEqual(t, c)
	counts, err := c.Network().Counts()
	must(t, err)
	for _, n := range c.Nodes() {
		if n != old && counts[link.Way{From: old.Name(), To: n.Name()}].Dropped == 0 {
			t.Errorf("nothing was cut between %s and %s", old.Name(), n.Name())
		}
	}
}

func TestPause(t *testing.T) {
	c := start(t, Config{})
	ctx := within(t, time.Minute)
	old, err := c.Leader(ctx)
	must(t, err)
	old.Pause()
	must(t, until(ctx, func(ctx context.Context) error { return ledByAnother(ctx, c, old) }))
	old.Resume()
	must(t, c.Healthy(ctx))
	old.Pause()
	old.Kill()
	must(t, old.Start(ctx))
	must(t, old.WaitReady(ctx))
	wantEqual(t, c)
}

func TestLimits(t *testing.T) {
	c := start(t, Config{Nodes: 1})
	n := c.Nodes()[0]
	rss, err := n.RSS()
	if err != nil || rss < 10<<20 || rss > 4<<30 {
		t.Errorf("a node has %d bytes of memory: %v", rss, err)
	}
	open, err := n.OpenFiles()
	if err != nil || open < 10 {
		t.Errorf("a node has %d files open: %v", open, err)
	}
	before, err := n.LimitFiles(3)
	must(t, err)
	if err := n.WaitReady(within(t, 200*time.Millisecond)); err == nil {
		t.Error("a node that may open no more files answers a new connection")
	}
	if n.PID() == 0 { // it needed a new file for its state, which ends it (promise S3)
		if said := strings.Join(n.LastLog(1), ""); !strings.Contains(said, "too many open files") {
			t.Fatal(said)
		}
		must(t, n.Start(t.Context()))
	} else {
		_, err = n.LimitFiles(before)
		must(t, err)
	}
	must(t, n.WaitReady(within(t, time.Minute)))

	if err := Capable(Limits); err != nil {
		t.Skip(err)
	}
	must(t, n.LimitCPU(0.1))
	quota, err := os.ReadFile(filepath.Join(n.group.dirs["cpu"], "cpu.cfs_quota_us"))
	if err != nil || strings.TrimSpace(string(quota)) != "2000" {
		t.Errorf("the quota is %s: %v", quota, err)
	}
	inside, err := os.ReadFile(filepath.Join(n.group.dirs["memory"], "cgroup.procs"))
	if err != nil || !slices.Contains(strings.Fields(string(inside)), strconv.Itoa(n.PID())) {
		t.Errorf("the control group has the processes %q, not %d: %v", inside, n.PID(), err)
	}
	must(t, n.LimitCPU(0))
	must(t, n.LimitMemory(1))
	must(t, n.LimitMemory(0))
	must(t, n.LimitMemory(1<<30))
}

func TestDisks(t *testing.T) {
	if err := Capable(Disks); err != nil {
		t.Skip(err)
	}
	c := start(t, Config{Nodes: 3, Disks: true, DiskBytes: 384 << 20})
	client := dial(t, c)
	ctx := within(t, time.Minute)
	n, err := c.Leader(ctx)
	must(t, err)
	_, err = client.Put(ctx, "a", "b")
	must(t, err)
	must(t, n.Disk().PowerLoss(n.PID()))
	n.Kill()
	must(t, n.Disk().Remount())
	must(t, n.Start(ctx))
	must(t, c.Healthy(ctx))
	wantEqual(t, c)
	kv, err := client.Get(ctx, "a")
	if err != nil || kv.String() != "b" {
		t.Errorf("a is %v: %v", kv, err)
	}
}

func TestStartSaysWhy(t *testing.T) {
	if err := Capable(); err != nil {
		t.Skip(err)
	}
	_, err := Start(within(t, time.Minute), Config{Binary: binary, Dir: t.TempDir(), Nodes: 1, Flags: []string{"--heartbeat-interval", "0"}})
	if !errors.As(err, &Unwell{}) || !strings.Contains(err.Error(), "n1") || !strings.Contains(err.Error(), "heartbeat") {
		t.Errorf("got %v", err)
	}
}

// ledByAnother is whether somebody else than a node leads now.
func ledByAnother(ctx context.Context, c *Cluster, than *Node) error {
	leader, err := c.Leader(ctx)
	if err == nil && leader == than {
		err = fmt.Errorf("%s still leads", than.Name())
	}
	return err
}
