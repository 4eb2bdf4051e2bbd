package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

const countersInUse = 16

// counters puts keys again and again without looking: a key's version counts how
// often. The SDK tries for long, under one request id; etcd's client once.
func counters(l *Load) finish {
	l.spawn(history.Counters, mix{clients: 12, etcd: 4, rate: 250}, func(c *client) {
		key := fmt.Sprintf("n/%d", c.rand.IntN(countersInUse))
		if c.rand.IntN(5) == 0 {
			_ = c.readCounter(key)
			return
		}
		c.increment(key)
	})
	return func(ctx context.Context) error {
		c, err := l.patient(history.Counters)
		if err != nil {
			return err
		}
		for i := range countersInUse {
			r := c.begin(history.CounterRead)
			if err := c.countOf(ctx, &r, fmt.Sprintf("n/%d", i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// patience is how long the SDK tries to increment.
const patience = 20 * time.Second

// increment puts a key; in half of the cases with a read of its version in the same
// transaction.
func (c *client) increment(key string) {
	r := c.begin(history.Incremented)
	r.Key, r.Then = key, []history.Op{put(key, c.load.value())}
	if c.rand.IntN(2) == 0 {
		r.Then = append(r.Then, get(key))
	}
	ctx, cancel := c.deadline()
	if c.via == history.SDK {
		cancel()
		ctx, cancel = context.WithTimeout(c.load.life, patience)
	}
	defer cancel()
	err := c.ask(ctx, &r)
	if err == nil && len(r.Then) == 2 && len(r.Then[1].Found) == 1 {
		r.Version = r.Then[1].Found[0].Version
	}
	c.changed(&r, err)
}

func (c *client) readCounter(key string) error {
	return c.retried(func(ctx context.Context) error {
		r := c.begin(history.CounterRead)
		return c.countOf(ctx, &r, key)
	})
}

// countOf reads a counter.
func (c *client) countOf(ctx context.Context, r *history.Record, key string) error {
	r.Key, r.Then = key, []history.Op{get(key)}
	err := c.ask(ctx, r)
	if len(r.Then[0].Found) == 1 {
		r.Version = r.Then[0].Found[0].Version
	}
	c.read(r, err)
	return err
}
