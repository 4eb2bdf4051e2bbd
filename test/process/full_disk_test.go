package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// diskBytes is the size of the disk that is filled. A fresh node takes less than
// 1 MiB of it.
const diskBytes = 160 << 20

// A disk runs full under writes, and the node does not look. It says so and ends;
// once there is room again, a restart has all that was acknowledged.
//
// Promises D1, S3.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, diskBytes)
	one := prepareCluster(t, 1, setting{"min-free-space", "0"})
	n := one.nodes[0]
	n.dir = filepath.Join(disk, "n1")
	one.start()

	// Some room is kept aside, to be given back later.
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, diskBytes/4), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := putUntilRefused(t, n)
	t.Logf("%d writes of 64 KiB were acknowledged", len(kept))
	if n.waitExit() == 0 {
		t.Error("the node ended with exit code 0")
	}
	t.Log(n.saidWhy(t, "no space left"))

	// Without room it may start on what it cleans up, or not, and says why.
	n.start()
	if n.getsReady() {
		n.kill()
	} else {
		n.waitExit()
		t.Log(n.saidWhy(t, "no space left"))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.waitReady()
	if !answersAsBefore(t, n, kept) {
		t.Error("the node ended although there is room again")
	}
}

// putUntilRefused writes until the node ends, and returns what it acknowledged.
func putUntilRefused(t *testing.T, n *node) map[string]string {
	t.Helper()
	client := dial(t, n.clientURL)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func(l *life) {
		select {
		case <-l.exited:
			cancel()
		case <-ctx.Done():
		}
	}(n.life)
	kept := make(map[string]string)
	for i := 0; ; i++ {
		key, value := fmt.Sprintf("k/%05d", i), strings.Repeat(fmt.Sprintf("%7d ", i), 8<<10)
		_, err := client.Put(ctx, key, value)
		switch {
		case err == nil:
			kept[key] = value
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			t.Fatalf("the disk of %d bytes takes write after write (%d)", diskBytes, len(kept))
		case ctx.Err() != nil:
			return kept
		default:
			t.Logf("%s: %v", key, err)
		}
	}
}

// smallDisk mounts a file system in memory. It takes root.
func smallDisk(t *testing.T, bytes int64) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	mount := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", bytes), "conclave-test", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// resize makes a small disk larger or smaller, under what is on it.
func resize(t *testing.T, disk string, bytes int64) {
	t.Helper()
	remount := exec.CommandContext(within(t, patience), "mount", "-o", fmt.Sprintf("remount,size=%d", bytes), disk)
	if out, err := remount.CombinedOutput(); err != nil {
		t.Fatalf("the disk is not made of another size: %v: %s", err, out)
	}
}

// A node is started on a disk that others filled. It runs, or ends and says that there is
// no room, not that its data is damaged, and that nothing is lost.
//
// Promises D1, S3.
func TestStartOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, diskBytes)
	n := onSmallDisk(t, disk, setting{"min-free-space", "0"})
	kept := make(map[string]string)
	for i := range 20 {
		key := fmt.Sprint("k/", i)
		kept[key] = incompressible(uint64(i))
		if _, err := dial(t, n.clientURL).Put(within(t, patience), key, kept[key]); err != nil {
			t.Fatal(err)
		}
	}
	n.kill()
	ballast := filepath.Join(disk, "ballast")
	refused := 0
	for _, left := range []int64{4 << 10, 16 << 10, 24 << 10, 64 << 10} {
		if err := os.WriteFile(ballast, make([]byte, room(t, disk)-left), 0o600); err != nil {
			t.Fatal(err)
		}
		n.start()
		if n.getsReady() {
			n.kill()
		} else {
			n.waitExit()
			refused++
			t.Logf("with %d bytes left: %s", left, n.saidWhy(t, "nothing is lost: give the disk room"))
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("it always started: the disk was not full")
	}
	n.start()
	n.waitReady()
	if !answersAsBefore(t, n, kept) {
		t.Error("the node ended although there is room again")
	}
}
