package process

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A waiting process that is killed gives up its place within its TTL, and who
// stood behind it gets the mutex.
//
// Promises M5, R4.
func TestWaiterIsKilled(t *testing.T) {
	const name, ttl = "killed/waiter", 4 * time.Second
	three := startCluster(t, 3)
	stalls := watchStalls(t)
	ctx := within(t, patience)
	session, err := three.client.NewSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hold, err := session.Mutex(name).Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waiter := startChild(t, "lock", name, ttl, three.endpoints())
	inLine(t, three.client, name, 1)
	behind := lockLater(t, three, name)
	inLine(t, three.client, name, 2)

	took := stalls.stopwatch()
	waiter.kill()
	inLine(t, three.client, name, 1)
	if freed := took(); freed > ttl+time.Second {
		t.Errorf("the place was free only %v after the kill, with a TTL of %v", freed, ttl)
	} else {
		t.Logf("the place was free %v after the kill, with a TTL of %v", freed.Round(time.Millisecond), ttl)
	}
	if err := hold.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	if got := <-behind; got.err != nil || got.token <= hold.Token() {
		t.Errorf("who stood behind got token %d after %d: %v", got.token, hold.Token(), got.err)
	}
}

// inLine waits until so many stand in line for a mutex.
func inLine(t *testing.T, client *conclave.Client, name string, n int64) {
	t.Helper()
	eventually(t, patience, func(ctx context.Context) error {
		info, err := client.GetMutex(ctx, name)
		if err == nil && info.Waiting != n {
			err = fmt.Errorf("%d stand in line, want %d", info.Waiting, n)
		}
		return err
	})
}

// lockLater has a session of its own wait for a mutex.
func lockLater(t *testing.T, c *cluster, name string) <-chan grantOrError {
	t.Helper()
	session, err := c.client.NewSession(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan grantOrError, 1)
	ctx := within(t, patience)
	go func() {
		got, err := obtain(ctx, "lock", name, c.client, session)
		next <- grantOrError{got, err}
	}()
	return next
}

// A hundred sessions, through clients of all nodes, are served in the order in
// which they came.
//
// Promises M2, M4.
func TestHundredWaitersInOrder(t *testing.T) {
	const name, waiters = "hundred", 100
	three := startCluster(t, 3)
	ctx := within(t, patience)
	session, err := three.client.NewSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hold, err := session.Mutex(name).Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}

	var line sync.WaitGroup
	served := make(chan turn, waiters)
	for i := range waiters {
		session, err := dial(t, three.nodes[i%3].clientURL).NewSession(ctx, conclave.WithIdentity(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		line.Go(func() {
			err := session.Mutex(name).Do(ctx, func(_ context.Context, h *conclave.Hold) error {
				served <- turn{i, h.Token()}
				return nil
			})
			if err != nil {
				t.Errorf("waiter %d: %v", i, err)
			}
		})
		inLine(t, three.client, name, int64(i+1))
	}
	if err := hold.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	line.Wait()
	close(served)
	last := hold.Token()
	for i := range waiters {
		if turn := <-served; turn.waiter != i || turn.token <= last {
			t.Errorf("waiter %d was served as number %d, with token %d after %d", turn.waiter, i, turn.token, last)
		} else {
			last = turn.token
		}
	}
}

// turn is one waiter's time with the mutex.
type turn struct {
	waiter int
	token  conclave.Token
}
