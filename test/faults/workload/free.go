package workload

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

const (
	// freeing is how long a mutex or an election may be somebody's who is not there any
	// more, when all is well: longer than any TTL of the clients.
	freeing = 20 * time.Second
	// freeTTL is that of the sessions that look after it.
	freeTTL = 30 * time.Second
)

// free returns what there is to do about some mutexes and elections in the end:
// everybody has gone, so whoever comes next has to get each of them. One that was given
// to somebody who cannot give it back is lost for ever, which no record of a client
// tells. Mutexes of etcd's clients are asked for as they do it.
func (l *Load) free(w history.Workload, native, foreign, elections []string) finish {
	return func(ctx context.Context) error {
		c, err := l.dial(w, history.SDK, everyNode, "default", l.rng(w, -1))
		if err != nil {
			return err
		}
		session, err := c.sdk.NewSession(ctx, conclave.WithTTL(freeTTL))
		if err != nil {
			return fmt.Errorf("workload: nobody looks after what is held: %w", err)
		}
		defer func() { _ = session.Close(ctx) }()
		for _, name := range native {
			c.mayHave(ctx, name, func(ctx context.Context) error { return lockOnce(ctx, session, name) })
		}
		for _, name := range elections {
			c.mayHave(ctx, name, func(ctx context.Context) error { return c.leadOnce(ctx, session, name) })
		}
		if len(foreign) == 0 || len(l.cfg.EtcdEndpoints) == 0 {
			return nil
		}
		return l.freeForeign(ctx, w, foreign)
	}
}

// mayHave has the client complain when something cannot be had in time.
func (c *client) mayHave(ctx context.Context, name string, try func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, freeing)
	defer cancel()
	if err := try(ctx); err != nil {
		c.complain("%q cannot be had %v after everybody left it: %v", name, freeing, err)
	}
}

func lockOnce(ctx context.Context, session *conclave.Session, name string) error {
	hold, err := session.Mutex(name).Lock(ctx)
	if err != nil {
		return err
	}
	return hold.Unlock(ctx)
}

// leadOnce is on record, because observers still look on.
func (c *client) leadOnce(ctx context.Context, session *conclave.Session, name string) error {
	r := c.begin(history.Elected)
	r.Key, r.Value, r.Lease, r.TTL = name, c.load.value(), int64(session.ID()), session.TTL()
	term, err := session.Election(name).Campaign(ctx, r.Value)
	if err == nil {
		r.Token = int64(term.Number())
	}
	outcome, reason := asked(err)
	c.settle(&r, outcome, reason, err)
	if err != nil {
		return err
	}
	r = c.begin(history.Resigned)
	r.Key, r.Token = name, int64(term.Number())
	err = term.Resign(ctx)
	outcome, reason = asked(err)
	c.settle(&r, outcome, reason, err)
	return err
}

// freeForeign is for mutexes that are keys of etcd's lock recipe.
func (l *Load) freeForeign(ctx context.Context, w history.Workload, names []string) error {
	c, err := l.dial(w, history.Etcd, everyNode, "default", l.rng(w, -1))
	if err != nil {
		return err
	}
	session, err := concurrency.NewSession(c.etcd, concurrency.WithTTL(int(freeTTL/time.Second)), concurrency.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("workload: nobody looks after the locks of etcd's clients: %w", err)
	}
	defer func() { _ = session.Close() }()
	for _, name := range names {
		c.mayHave(ctx, name, func(ctx context.Context) error {
			m := concurrency.NewMutex(session, name)
			if err := m.Lock(ctx); err != nil {
				return err
			}
			return m.Unlock(ctx)
		})
	}
	return nil
}
