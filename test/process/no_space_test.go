package process

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	conclave "github.com/conclavehq/conclave/sdk"
)

// roomyBytes is the size of a disk that holds a state beside the Raft log, of which
// several files are kept to be used again.
const roomyBytes = 768 << 20

// A disk runs nearly full under writes. No process ends: writes are refused with
// a reason, on both surfaces, and reads, sessions, releases and deletes go on.
// What there is no room to delete at once is refused, and goes in parts. What is
// deleted and compacted gives its room back, and then writes go on, without a restart.
//
// Promises D1, S5.
func TestNoSpace(t *testing.T) {
	n := onSmallDisk(t, smallDisk(t, roomyBytes))
	client := dial(t, n.clientURL)
	ctx := within(t, 5*patience)
	session, err := client.NewSession(ctx, conclave.WithTTL(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	hold, err := session.Mutex("m").Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}

	kept := fillUntilRefused(t, n, client)
	t.Logf("%d writes of 64 KiB were acknowledged; %d MiB are left", len(kept), room(t, n.dir)>>20)
	n.wantRefusalOfEtcd(t)
	if refused := time.Now(); !errors.Is(second(client.NewSession(ctx)), conclave.ErrNoSpace) || time.Since(refused) > time.Second {
		t.Errorf("a session is not refused at once, but after %v", time.Since(refused))
	}
	// Longer than the session would live unrenewed, with writers that do not stop.
	for began := time.Now(); time.Since(began) < 5*time.Second; {
		if _, err := client.Put(ctx, "more", "v"); err != nil && !errors.Is(err, conclave.ErrNoSpace) {
			t.Fatal(err)
		}
	}
	if hold.Context().Err() != nil {
		t.Errorf("the lock is lost: %v", context.Cause(hold.Context()))
	}
	if err := hold.Unlock(ctx); err != nil {
		t.Errorf("the lock cannot be released: %v", err)
	}
	reading, done := n.whileItRuns(t)
	defer done()
	if !readsAsBefore(reading, t, client, kept) {
		t.Fatal("the node ended")
	}

	before := used(t, n.dir)
	if _, err := client.Delete(ctx, "k/", conclave.WithPrefix()); !errors.Is(err, conclave.ErrNoSpace) {
		t.Errorf("to delete everything at once: %v", err)
	}
	n.deleteInParts(t, client, len(kept))
	eventually(t, patience, func(ctx context.Context) error {
		if _, err := client.Put(ctx, "after", strings.Repeat("v", 64<<10)); err != nil {
			return fmt.Errorf("%d MiB are free, the log takes %d, the state %d: %w", room(t, n.dir)>>20,
				used(t, filepath.Join(n.dir, "raft"))>>20, used(t, filepath.Join(n.dir, "sm"))>>20, err)
		}
		return nil
	})
	eventually(t, patience/2, func(context.Context) error {
		after := used(t, n.dir)
		line := fmt.Sprintf("deleting everything left %d of %d MiB, the log takes %d, the state %d", after>>20, before>>20,
			used(t, filepath.Join(n.dir, "raft"))>>20, used(t, filepath.Join(n.dir, "sm"))>>20)
		if after > before*2/3 {
			return errors.New(line)
		}
		t.Log(line)
		return nil
	})
	n.kill()
	n.start()
	n.waitReady()
	if kv, err := dial(t, n.clientURL).Get(ctx, "after"); err != nil || len(kv.Value) != 64<<10 {
		t.Errorf("the last write is lost: %v", err)
	}
}

// The disk of a follower becomes so small that it is nearly full. It does not end;
// the cluster refuses writes through every node until there is room, and so it does
// deletes that this disk has no room for.
//
// Promise S5
func TestNoSpaceOfAFollower(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, roomyBytes)
	three := prepareCluster(t, 3, setting{"min-free-space", "24MiB"})
	three.nodes[2].dir = filepath.Join(disk, "n3")
	three.start()
	if three.leader(2) == three.nodes[2] {
		if err := dial(t, three.nodes[0].clientURL).MoveLeader(within(t, patience), "n1", 0); err != nil {
			t.Fatal(err)
		}
	}
	putLarge(t, dial(t, three.nodes[0].clientURL), "many/", 512)
	// In two steps, so that what is in memory still has room; and each of them at once:
	// nobody hears of a disk that has room for the 32 MiB and is full nevertheless.
	for _, left := range []int64{70 << 20, 16 << 20} {
		awaitRest(t, disk)
		resize(t, disk, roomyBytes-room(t, disk)+left)
	}
	for _, n := range three.nodes {
		client := dial(t, n.clientURL)
		eventually(t, patience, func(ctx context.Context) error {
			if _, err := client.Put(ctx, "k", "v"); !errors.Is(err, conclave.ErrNoSpace) {
				return fmt.Errorf("%s answers %v", n.name, err)
			}
			return nil
		})
		if _, err := client.Delete(within(t, patience), "k"); err != nil {
			t.Errorf("%s does not delete: %v", n.name, err)
		}
		if _, err := client.Delete(within(t, patience), "many/", conclave.WithPrefix()); !errors.Is(err, conclave.ErrNoSpace) {
			t.Errorf("%s: to delete what the full disk has no room to move: %v", n.name, err)
		}
		n.wantRefusalOfEtcd(t)
	}
	resize(t, disk, roomyBytes)
	for _, n := range three.nodes {
		client := dial(t, n.clientURL)
		eventually(t, patience, func(ctx context.Context) error {
			return second(client.Put(ctx, "k", n.name))
		})
	}
	deleted, err := dial(t, three.nodes[2].clientURL).Delete(within(t, patience), "many/", conclave.WithPrefix())
	if err != nil || deleted.Count != 512 {
		t.Errorf("with room again, deleting everything gives %+v, %v", deleted, err)
	}
}

// awaitRest waits until a disk has nothing written to it any more but what is little: a
// table that was begun is finished.
func awaitRest(t *testing.T, disk string) {
	t.Helper()
	last, since := room(t, disk), time.Now()
	eventually(t, patience, func(context.Context) error {
		if now := room(t, disk); max(now-last, last-now) > 64<<10 {
			last, since = now, time.Now()
		}
		if time.Since(since) < time.Second {
			return errors.New("the disk is still written to")
		}
		return nil
	})
}

// putLarge puts so many values of 64 KiB.
func putLarge(t *testing.T, client *conclave.Client, prefix string, count int) {
	t.Helper()
	ctx := within(t, 2*patience)
	var writing errgroup.Group
	writing.SetLimit(16)
	for i := range count {
		writing.Go(func() error { return second(client.Put(ctx, fmt.Sprint(prefix, i), incompressible(uint64(i)))) })
	}
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
}

// Somebody else takes the last byte of the disk. Whether the node goes on refusing
// or ends with a sentence, nothing that was acknowledged is lost.
//
// Promises D1, S3
func TestDiskFilledByOthers(t *testing.T) {
	disk := smallDisk(t, diskBytes)
	n := onSmallDisk(t, disk)
	client := dial(t, n.clientURL)
	kept := make(map[string]string)
	for i := range 20 {
		key := fmt.Sprintf("k/%d", i)
		if _, err := client.Put(within(t, patience), key, "v"); err != nil {
			t.Fatal(err)
		}
		kept[key] = "v"
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, diskBytes), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	eventually(t, patience, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := client.Put(ctx, "k", "v"); !errors.Is(err, conclave.ErrNoSpace) && n.runs() {
			return fmt.Errorf("a write: %v", err)
		}
		return nil
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if !n.runs() {
		n.waitExit()
		t.Log(n.saidWhy(t, "no space left"))
		n.start()
		n.waitReady()
	}
	eventually(t, patience, func(ctx context.Context) error { return second(client.Put(ctx, "k", "v")) })
	if !answersAsBefore(t, n, kept) {
		t.Error("the node ended although there is room again")
	}
}

// onSmallDisk starts a node alone with its data on a disk.
func onSmallDisk(t *testing.T, disk string, more ...setting) *node {
	t.Helper()
	one := prepareCluster(t, 1, more...)
	one.nodes[0].dir = filepath.Join(disk, "n1")
	one.start()
	return one.nodes[0]
}

// runs says whether the process has not ended.
func (n *node) runs() bool {
	select {
	case <-n.life.exited:
		return false
	default:
		return true
	}
}

// fillUntilRefused writes until there is no room that the node could make, and
// returns what it acknowledged.
func fillUntilRefused(t *testing.T, n *node, client *conclave.Client) map[string]string {
	t.Helper()
	ctx := within(t, 2*patience)
	kept := make(map[string]string)
	refusedSince, lowest := time.Now(), int64(math.MaxInt64)
	for time.Since(refusedSince) < 8*time.Second {
		key, value := keyToFill(len(kept)), incompressible(uint64(len(kept)))
		_, err := client.Put(ctx, key, value)
		switch {
		case err == nil:
			kept[key] = value
			refusedSince = time.Now()
		case !n.runs():
			t.Fatalf("the node ended:\n%s", n.tail())
		case !errors.Is(err, conclave.ErrNoSpace):
			t.Fatal(err)
		}
		lowest = min(lowest, room(t, n.dir))
	}
	t.Logf("there were at least %d MiB all the time", lowest>>20)
	return kept
}

// deleteInParts deletes the keys of fillUntilRefused as the refusal says: less at
// once when there is no room for it, each part compacted before the next.
func (n *node) deleteInParts(t *testing.T, client *conclave.Client, keys int) {
	t.Helper()
	began, from, size, parts, refused := time.Now(), 0, keys, 0, 0
	lowest := int64(math.MaxInt64)
	eventually(t, patience, func(ctx context.Context) error {
		lowest = min(lowest, room(t, n.dir))
		end := min(from+size, keys)
		deleted, err := client.Delete(ctx, keyToFill(from), conclave.WithEnd(keyToFill(end)))
		switch {
		case !n.runs():
			t.Fatalf("the node ended:\n%s", n.tail())
		case errors.Is(err, conclave.ErrNoSpace):
			size, refused = max(1, size/2), refused+1
			return fmt.Errorf("%d of %d keys are deleted, %d MiB are free: %w", from, keys, room(t, n.dir)>>20, err)
		case err != nil:
			t.Fatal(err)
		case deleted.Count != int64(end-from):
			t.Fatalf("%d of %d keys were deleted", deleted.Count, end-from)
		}
		if err := client.Compact(ctx, deleted.Revision); err != nil {
			t.Fatal(err)
		}
		from, size, parts = end, 2*size, parts+1
		if from < keys {
			return fmt.Errorf("%d of %d keys are deleted", from, keys)
		}
		return nil
	})
	t.Logf("%d keys were deleted in %d parts after %d refusals in %v, with at least %d MiB free", keys, parts, refused, time.Since(began), lowest>>20)
}

func keyToFill(i int) string { return fmt.Sprintf("k/%05d", i) }

// incompressible is a text of 64 KiB of which a disk keeps most.
func incompressible(seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 0))
	raw := make([]byte, 48<<10)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// wantRefusalOfEtcd wants what etcd's clients know: the error and the alarm.
func (n *node) wantRefusalOfEtcd(t *testing.T) {
	t.Helper()
	if code, answer := post(t, n.clientURL+"/v3/kv/put", `{"key":"aw==","value":"dg=="}`); code == http.StatusOK || !strings.Contains(answer, "etcdserver: mvcc: database space exceeded") {
		t.Errorf("etcd's API answers %d: %s", code, answer)
	}
	eventually(t, patience, func(context.Context) error { // nodes hear of each other twice a second
		if _, answer := post(t, n.clientURL+"/v3/maintenance/alarm", `{}`); !strings.Contains(answer, "NOSPACE") {
			return fmt.Errorf("there is no alarm: %s", answer)
		}
		return nil
	})
}

func post(t *testing.T, url, body string) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t, patience), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// room is how much may be written to the disk of a directory.
func room(t *testing.T, dir string) int64 {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	return int64(disk.Bavail) * disk.Bsize
}

// used is how much the files of a directory take.
func used(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func second[A any](_ A, err error) error { return err }
