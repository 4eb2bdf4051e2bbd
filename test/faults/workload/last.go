package workload

import (
	"context"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

// patient is a client for what has to succeed when faults are healed.
func (l *Load) patient(w history.Workload) (*client, error) {
	return l.dial(w, history.SDK, everyNode, "default", l.rng(w, -2))
}

// lastReads reads all keys of some prefixes.
func (l *Load) lastReads(ctx context.Context, w history.Workload, prefixes []string) error {
	c, err := l.patient(w)
	if err != nil {
		return err
	}
	for _, prefix := range prefixes {
		if err := c.lastRead(ctx, &history.Record{Then: []history.Op{getPrefix(prefix)}}); err != nil {
			return err
		}
	}
	return nil
}

// lastRead reads until ctx ends.
func (c *client) lastRead(ctx context.Context, r *history.Record) error {
	c.stamp(r, history.Txn)
	err := c.ask(ctx, r)
	c.read(r, err)
	return err
}

// lastly asks again and again what has to be answered when faults are healed, until it
// is, or the service says no, or patience is over. Each time has a bound of its own.
func lastly(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ask()
		if outcome, reason := judge(err); outcome == history.OK || outcome == history.Refused && !undecided[reason] {
			return err
		}
		if !nap.Take(ctx, 50*time.Millisecond) {
			return err
		}
	}
}
