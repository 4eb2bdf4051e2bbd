package process

import (
	"context"
	"errors"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// pauseTTL is the TTL of who is stopped. The SDK renews at least every third of
// it.
const pauseTTL = 4 * time.Second

// Who has a mutex, a term or a job is stopped past its TTL while others wait. The
// next one gets a higher token; the stopped one finds its context ended when it
// wakes up, and what it still sends is refused.
//
// Promises R2, R3, T3, T5.
func TestHolderIsPaused(t *testing.T) {
	three := startCluster(t, 3)
	for _, c := range []struct {
		task     string
		returned string // why giving it back is refused
	}{
		{"lock", "STALE_TOKEN"},
		{"lead", "STALE_TOKEN"},
		{"claim", "STALE_RECEIPT"},
	} {
		t.Run(c.task, func(t *testing.T) {
			t.Parallel() // they mostly wait
			stalls := watchStalls(t)
			name := "paused/" + c.task
			if _, err := three.client.Queue(name).Enqueue(within(t, patience), []byte("work")); err != nil {
				t.Fatal(err)
			}
			holder := startChild(t, c.task, name, pauseTTL, three.endpoints())
			first := holder.hears()
			next := waitBehind(t, three, c.task, name)

			paused := time.Now()
			holder.pause()
			second := <-next
			if second.err != nil {
				t.Fatal(second.err)
			}
			handedOver(t, time.Since(paused), stalls.soFar())
			if second.token <= first.Token {
				t.Errorf("the next one got token %d after %d", second.token, first.Token)
			}
			if _, err := three.client.Put(within(t, patience), "guarded/"+name, "the next one's", second.guard); err != nil {
				t.Errorf("a write of who has it now: %v", err)
			}

			woken := holder.actsWhenItWakes()
			if !woken.Over {
				t.Error("the context of the stopped one had not ended when it woke up")
			}
			if woken.Guarded != "GUARD_FAILED" || woken.Returned != c.returned {
				t.Errorf("its guarded write: %q, its return: %q", woken.Guarded, woken.Returned)
			}
			kv, err := three.client.Get(within(t, patience), "guarded/"+name)
			if err != nil || kv.String() != "the next one's" {
				t.Errorf("the guarded key has %q (%v)", kv, err)
			}
		})
	}
}

// handedOver checks that a stopped session ended neither early nor late.
func handedOver(t *testing.T, after, stalled time.Duration) {
	t.Helper()
	// The last renewal was at most a third of the TTL before the stop, or as much
	// longer as there were stalls.
	earliest, latest := pauseTTL*6/10-stalled, pauseTTL+time.Second+stalled
	if after < earliest || after > latest {
		t.Errorf("it was handed over %v after the stop, want %v to %v", after, earliest, latest)
	}
	t.Logf("handed over %v after the stop, with a TTL of %v", after.Round(time.Millisecond), pauseTTL)
}

// grantOrError is what a waiter gets.
type grantOrError struct {
	granted
	err error
}

// waitBehind has a session of this process wait for what the child has, and
// returns when it stands in line.
func waitBehind(t *testing.T, c *cluster, task, name string) <-chan grantOrError {
	t.Helper()
	client := dial(t, c.endpoints()...)
	session, err := client.NewSession(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan grantOrError, 1)
	ctx := within(t, patience)
	go func() {
		got, err := obtain(ctx, task, name, client, session)
		next <- grantOrError{got, err}
	}()
	eventually(t, patience, func(ctx context.Context) error {
		n, err := waiting(ctx, client, task, name)
		if err == nil && n == 0 {
			err = errors.New("nobody stands in line")
		}
		return err
	})
	return next
}

// waiting is how many wait.
func waiting(ctx context.Context, client *conclave.Client, task, name string) (int64, error) {
	switch task {
	case "lock":
		info, err := client.GetMutex(ctx, name)
		if err != nil {
			return 0, err
		}
		return info.Waiting, nil
	case "lead":
		info, err := client.Election(name).Info(ctx)
		if err != nil {
			return 0, err
		}
		return info.Waiting, nil
	}
	stats, err := client.Queue(name).Stats(ctx)
	if err != nil {
		return 0, err
	}
	return stats.WaitingWorkers, nil
}

// The leader of the cluster is stopped until another one leads. When it wakes up
// it serves no old state as the current one.
//
// Promises D2, T2.
func TestRegressionEtcd20418LeaderIsPaused(t *testing.T) {
	three := startCluster(t, 3)
	ctx := within(t, patience)
	if _, err := three.client.Put(ctx, "k", "old"); err != nil {
		t.Fatal(err)
	}
	paused := three.leader(dataShard)
	paused.pause()
	var others []string
	for _, n := range three.nodes {
		if n != paused {
			others = append(others, n.clientURL)
		}
	}
	if _, err := dial(t, others...).Put(ctx, "k", "new"); err != nil {
		t.Fatal(err)
	}

	reader := dial(t, paused.clientURL)
	read := make(chan error, 1)
	go func() { // on its way before the node can notice that it was away
		kv, err := reader.Get(ctx, "k")
		if err == nil && kv.String() != "new" {
			err = errors.New("the woken leader answered " + kv.String())
		}
		read <- err
	}()
	paused.resume()
	if err := <-read; err != nil {
		t.Error(err)
	}
	three.checkHashes()
}
