package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A file of the data directory is damaged while the node is down. Then the node
// either does not start, or stops as soon as it meets the damage, with one
// sentence both times; or it can do without what is damaged. It never answers
// with anything but what was acknowledged.
//
// Promises D1, S3.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	one := startCluster(t, 1, setting{"snapshot-count", "50"})
	n := one.nodes[0]
	values := fill(t, one)
	n.stop()
	for _, c := range []struct {
		file string // a pattern below the data directory
		how  injury
	}{
		{"identity", flipMiddle},
		{"identity", truncate},
		{"identity", garbage},
		{"sm/2-1/CURRENT", garbage},
		{"sm/2-1/db-1/MANIFEST-*", flipMiddle},
		{"sm/2-1/db-1/MANIFEST-*", truncate},
		{"sm/2-1/db-1/*.sst", flipMiddle},
		{"sm/2-1/db-1/*.sst", truncate},
		{"sm/2-1/db-1/*.sst", remove},
		{"sm/2-1/db-1/WITNESS", flipMiddle},
		{"sm/2-1/db-1/WITNESS", truncate},
		{"sm/2-1/db-1/marker.manifest.*", remove},
		{"raft/*/*/logdb-0/CURRENT", garbage},
		{"raft/*/*/logdb-0/MANIFEST-*", flipMiddle},
		{"raft/*/*/logdb-0/MANIFEST-*", truncate},
		{"raft/*/*/logdb-0/*.sst", flipMiddle},
		{"raft/*/*/logdb-0/*.sst", remove},
		{"raft/*/*/logdb-0/*.log", flipMiddle},
		{"raft/*/*/logdb-0/*.log", remove},
		{"raft/*/*/snapshot-part-2/*/*/*.gbsnap", flipMiddle},
		{"raft/*/*/snapshot-part-2/*/*/*.gbsnap", torn},
		{"raft/*/*/snapshot-part-2/*/*/*.gbsnap", tornBlock},
		{"raft/*/*/snapshot-part-2/*/*/*.gbsnap", remove},
		{"raft/dragonboat.ds", garbage},
	} {
		t.Run(c.how.name+" "+c.file, func(t *testing.T) {
			damaged := copyOf(t, n)
			damage(t, filepath.Join(damaged.dir, c.file), c.how.do)
			damaged.start()
			if !damaged.getsReady() || !answersAsBefore(t, damaged, values) {
				if code := damaged.waitExit(); code == 0 {
					t.Error("the node ended with exit code 0")
				}
				t.Log(damaged.saidWhy(t, ""))
			} else {
				t.Log("it does without what was damaged")
			}
		})
	}
	n.start()
	n.waitReady()
	if !answersAsBefore(t, n, values) {
		t.Error("the undamaged directory has not everything")
	}
}

// fill writes enough that there are files of all kinds.
func fill(t *testing.T, c *cluster) map[string]string {
	t.Helper()
	values := make(map[string]string)
	ctx := within(t, 2*patience)
	for i := range 300 {
		key := fmt.Sprintf("k/%03d", i)
		value := strings.Repeat(fmt.Sprint(i, " "), 1<<17/8)
		if _, err := c.client.Put(ctx, key, value); err != nil {
			t.Fatal(err)
		}
		values[key] = value
	}
	return values
}

// getsReady waits until the node serves, or has ended.
func (n *node) getsReady() bool {
	n.t.Helper()
	select {
	case <-n.life.ready:
		return true
	case <-n.life.exited:
		return false
	case <-time.After(patience):
		n.t.Fatalf("node %s neither serves nor ends:\n%s", n.name, n.tail())
		return false
	}
}

// answersAsBefore reads all values. It returns false when the node ends
// meanwhile, and fails the test when it answers with anything else.
func answersAsBefore(t *testing.T, n *node, values map[string]string) bool {
	t.Helper()
	client := dial(t, n.clientURL)
	ctx, cancel := n.whileItRuns(t)
	defer cancel()
	return readsAsBefore(ctx, t, client, values) && goesOn(ctx, t, client)
}

// whileItRuns is a context that ends with the node's process.
func (n *node) whileItRuns(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t, patience))
	go func(l *life) {
		select {
		case <-l.exited:
			cancel()
		case <-ctx.Done():
		}
	}(n.life)
	return ctx, cancel
}

// readsAsBefore reads all values.
func readsAsBefore(ctx context.Context, t *testing.T, client *conclave.Client, values map[string]string) bool {
	t.Helper()
	for key, want := range values {
		kv, err := client.Get(ctx, key)
		switch {
		case ctx.Err() != nil:
			return false
		case err != nil:
			t.Errorf("%s: %v", key, err)
		case kv.String() != want:
			t.Errorf("%s has %d bytes that are not those that were acknowledged", key, len(kv.Value))
		}
	}
	res, err := client.Range(ctx, "k/", conclave.WithPrefix(), conclave.CountOnly())
	if err != nil || res.Count != int64(len(values)) {
		t.Errorf("%d keys, want %d: %v", res.Count, len(values), err)
	}
	return ctx.Err() == nil
}

// goesOn writes and reads back, in the same way.
func goesOn(ctx context.Context, t *testing.T, client *conclave.Client) bool {
	t.Helper()
	for i := range 20 {
		key := fmt.Sprintf("new/%d", i)
		_, err := client.Put(ctx, key, "new")
		if ctx.Err() != nil {
			return false
		}
		kv, missing := client.Get(ctx, key)
		if ctx.Err() != nil {
			return false
		}
		if err != nil || missing != nil || kv.String() != "new" {
			t.Errorf("%s was written (%v) and read as %q (%v)", key, err, kv, missing)
		}
	}
	return true
}

// damage changes the file that matches a pattern and was made last.
func damage(t *testing.T, pattern string, how func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("there is no %s", pattern)
	}
	path := slices.Max(files) // they are numbered
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if content = how(content); content == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// injury is a way to damage a file; nil means that it is gone.
type injury struct {
	name string
	do   func(content []byte) []byte
}

var (
	flipMiddle = injury{"a bit in", func(content []byte) []byte {
		// A file of the Raft log ends with room for more.
		used := len(bytes.TrimRight(content, "\x00"))
		content[used/2] ^= 0x40
		return content
	}}
	truncate = injury{"half of", func(content []byte) []byte { return content[:len(content)/2] }}
	// What a file has behind a header of 1 KiB is not what was written.
	torn = injury{"zeros in the end of", func(content []byte) []byte {
		clear(content[min(1024, len(content)):])
		return content
	}}
	tornBlock = injury{"a bit of the first block of", func(content []byte) []byte {
		content[min(1024, len(content)-1)] ^= 0x40
		return content
	}}
	garbage = injury{"garbage in", func([]byte) []byte { return []byte("\x00garbage") }}
	remove  = injury{"no", func([]byte) []byte { return nil }}
)
