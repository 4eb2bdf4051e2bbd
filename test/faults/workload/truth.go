package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// truths are the logs of all namespaces that are written to.
type truths struct {
	mu  sync.Mutex // protects all
	all []*truth
}

// truth watches everything in a namespace, from its first revision on, until the
// namespace is deleted or the load is closed.
type truth struct {
	*stream
	client *client
	ended  chan struct{}
}

// truth starts to watch a namespace from a revision on: its first. What it deletes is
// told to deletes, which may be nil.
func (l *Load) truth(namespace string, from int64, deletes *deletions) *truth {
	c, err := l.dial(history.Watches, history.SDK, everyNode, namespace, l.rng(history.Watches, -1))
	if err != nil {
		return nil // pool.check has dialed the same endpoints
	}
	t := &truth{stream: c.stream(l.life), client: c, ended: make(chan struct{})}
	t.last.Store(from - 1)
	t.deletes = deletes
	l.truths.mu.Lock()
	l.truths.all = append(l.truths.all, t)
	l.truths.mu.Unlock()
	l.watchers.Go(func() {
		t.run()
		close(t.ended)
		l.truths.forget(t)
	})
	return t
}

// run follows the namespace over all ends of its watch.
func (t *truth) run() {
	wait := newPace(10)
	for wait.wait(t.ctx, 0) {
		t.opened(history.Record{From: t.last.Load() + 1, Previous: true, Truth: true})
		err := t.follow(t.client.sdk.Watch(t.ctx, "", conclave.WithPrefix(), conclave.WithPrevious(),
			conclave.FromRevision(conclave.Revision(t.last.Load()+1)), conclave.WithProgress(100*time.Millisecond)))
		t.closed(err)
		if errors.Is(err, conclave.ErrNamespaceNotFound) || errors.Is(err, conclave.ErrClosed) {
			return
		}
	}
}

// reach waits until everything up to a revision was told. It is no error when the
// namespace was deleted.
func (t *truth) reach(ctx context.Context, revision int64) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for t.last.Load() < revision {
		select {
		case <-look.C:
		case <-t.ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("workload: the log of namespace %q was told up to revision %d of %d: %w",
				t.client.namespace, t.last.Load(), revision, ctx.Err())
		}
	}
	return nil
}

// forget drops the log of a namespace that is gone.
func (ts *truths) forget(t *truth) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.all = slices.DeleteFunc(ts.all, func(other *truth) bool { return other == t })
}

// reachHead writes a last key into each namespace and waits until its log has it.
func (ts *truths) reachHead(ctx context.Context, l *Load) error {
	ts.mu.Lock()
	all := slices.Clone(ts.all)
	ts.mu.Unlock()
	var failures []error
	for _, t := range all {
		select {
		case <-t.ended:
			continue
		default:
		}
		c, err := l.dial(history.Watches, history.SDK, everyNode, t.client.namespace, t.client.rand)
		if err != nil {
			return err
		}
		revision, err := c.mark(ctx)
		if errors.Is(err, conclave.ErrNamespaceNotFound) {
			continue
		}
		failures = append(failures, err)
		if err == nil {
			failures = append(failures, t.reach(ctx, revision))
		}
	}
	return errors.Join(failures...)
}

// mark writes a key whose revision is the head.
func (c *client) mark(ctx context.Context) (int64, error) {
	r := c.begin(history.Txn)
	r.Then = []history.Op{{Type: history.Put, Key: "marker", Value: c.load.value()}}
	revision, err := c.sdk.Put(ctx, r.Then[0].Key, r.Then[0].Value)
	r.Succeeded, r.Revision = err == nil, int64(revision)
	c.changed(&r, err)
	return int64(revision), err
}
