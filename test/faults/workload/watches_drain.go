package workload

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

// drainWatches waits until the watches that are open have come to the head, so that
// everything that they should have been told before is missed. One that does not tell
// how far it is has something written into its range until it is told of it.
func (l *Load) drainWatches(ctx context.Context) error {
	c, err := l.patient(history.Watches)
	if err != nil {
		return err
	}
	counter, err := l.patient(history.Counters)
	if err != nil {
		return err
	}
	head, err := l.passStarts(ctx, c)
	if err != nil {
		return err
	}
	// One that a fault made slow is judged by what it told.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		behind := l.behind(head)
		if len(behind) == 0 {
			return nil
		}
		for _, w := range behind {
			if w.every == 0 {
				c.nudge(ctx, counter, &w.r)
			}
		}
		if !nap.Take(ctx, 20*time.Millisecond) {
			w := behind[0]
			return fmt.Errorf("workload: watcher %d of %q (%s) was told up to revision %d of %d: %w",
				w.watcher, w.r.Key, w.client.node, w.last.Load(), head, ctx.Err())
		}
	}
}

// behind are the open watches that were not told everything up to a revision, and
// can be.
func (l *Load) behind(head int64) []*watching {
	var behind []*watching
	for _, s := range l.slots {
		if w := s.open.Load(); w != nil && w.last.Load() < head && !w.inVain() {
			behind = append(behind, w)
		}
	}
	return behind
}

// inVain tells of a watch that is told nothing, not even how far it is: it waits for
// deletions of a counter.
func (w *watching) inVain() bool {
	return w.every == 0 && w.r.Filter&history.NoPuts != 0 && w.r.End == "" && isCounter(w.r.Key)
}

func isCounter(key string) bool { return strings.HasPrefix(key, "n/") }

// nudge writes what a watch has to be told, like any other client: into its range
// where nothing else writes, or to its one key. What did not succeed is tried again by
// the caller.
func (c *client) nudge(ctx context.Context, counter *client, watch *history.Record) {
	key := watch.Key
	switch {
	case watch.End != "":
		key += "~"
	case isCounter(key):
		counter.increment(key)
		return
	}
	ops := []history.Op{put(key, c.load.value())}
	if watch.Filter&history.NoPuts != 0 {
		ops = append(ops, remove(key))
	}
	for _, op := range ops { // one revision each
		r := &history.Record{Then: []history.Op{op}}
		c.stamp(r, history.Txn)
		c.changed(r, c.ask(ctx, r))
	}
}

// passStarts writes until no open watch begins in the future, and returns the head.
func (l *Load) passStarts(ctx context.Context, c *client) (int64, error) {
	latest := int64(0)
	for _, s := range l.slots {
		if w := s.open.Load(); w != nil {
			latest = max(latest, w.r.From)
		}
	}
	for {
		if head, err := c.mark(ctx); err != nil || head > latest {
			return head, err
		}
	}
}
