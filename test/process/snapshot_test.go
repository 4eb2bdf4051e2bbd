package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// putsPerTxn is how many writes one transaction of the catching-up test makes.
const putsPerTxn = 100

// A follower is down while so much is written that the others forget the log. It
// comes back by a snapshot, to the same state, and a watch on it goes on without
// a gap.
//
// Promises D4, S1.
func TestFollowerCatchesUpBySnapshot(t *testing.T) {
	t.Parallel()
	writes := short(20_000, 200_000)
	three := startCluster(t, 3, setting{"snapshot-count", "100"})
	follower := three.follower(dataShard)
	watched := watchInBackground(t, follower)
	if _, err := three.client.Put(within(t, patience), "many/first", "0"); err != nil {
		t.Fatal(err)
	}
	watched.await(t, 1)

	before := currentDB(t, follower)
	follower.kill()
	began := time.Now()
	putMany(t, three, writes)
	t.Logf("%d writes in %v", writes, time.Since(began).Round(time.Millisecond))

	began = time.Now()
	follower.start()
	follower.waitReady()
	watched.await(t, writes+1)
	t.Logf("the follower had caught up after %v", time.Since(began).Round(time.Millisecond))
	if after := currentDB(t, follower); after == before {
		t.Errorf("the follower still uses %s: it caught up by the log and not by a snapshot", after)
	}
	three.checkHashes()

	watched.end()
	if watched.err != nil {
		t.Errorf("the watch: %v", watched.err)
	}
	var log []conclave.Event
	for event, err := range three.client.Watch(within(t, patience), "many/", conclave.WithPrefix(), conclave.FromRevision(1)) {
		if err != nil {
			t.Fatal(err)
		}
		if log = append(log, event); len(log) == writes+1 {
			break
		}
	}
	for _, wrong := range checkWatch(watched.events, log) {
		t.Error(wrong)
	}
}

// currentDB names the database that a node's replica uses. A snapshot makes
// another one current.
func currentDB(t *testing.T, n *node) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "sm", fmt.Sprintf("%d-*", dataShard), "CURRENT"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	name, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(name)
}

// putMany writes different keys from several clients at a time.
func putMany(t *testing.T, c *cluster, writes int) {
	t.Helper()
	const clients = 4
	ctx := within(t, 3*patience)
	next := make(chan int)
	var putting sync.WaitGroup
	for range clients {
		putting.Go(func() {
			for first := range next {
				txn := c.client.Txn()
				for i := range putsPerTxn {
					txn.Then(conclave.OpPut(fmt.Sprintf("many/%06d", first+i), fmt.Sprintf("value of %d", first+i)))
				}
				if _, err := txn.Commit(ctx); err != nil {
					t.Errorf("writes from %d on: %v", first, err)
				}
			}
		})
	}
	for first := 0; first < writes; first += putsPerTxn {
		next <- first
	}
	close(next)
	putting.Wait()
}

// background is a watch in a goroutine of its own.
type background struct {
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex // protects events and err until ended
	events []conclave.Event
	err    error
}

// watchInBackground watches at one node only, so that it has to wait for that
// node to come back.
func watchInBackground(t *testing.T, n *node) *background {
	t.Helper()
	client := dial(t, n.clientURL)
	ctx, cancel := context.WithCancel(t.Context())
	b := &background{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		for event, err := range client.Watch(ctx, "many/", conclave.WithPrefix(), conclave.FromRevision(1)) {
			b.mu.Lock()
			if err == nil {
				b.events = append(b.events, event)
			} else if ctx.Err() == nil {
				b.err = err
			}
			b.mu.Unlock()
		}
	}()
	t.Cleanup(b.end)
	return b
}

// await waits until the watch has told so many changes.
func (b *background) await(t *testing.T, n int) {
	t.Helper()
	eventually(t, 2*patience, func(context.Context) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.events) < n {
			return fmt.Errorf("the watch told %d of %d changes (%v)", len(b.events), n, b.err)
		}
		return nil
	})
}

func (b *background) end() {
	b.cancel()
	<-b.ended
}
