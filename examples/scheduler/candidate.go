package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/conclavehq/conclave/examples/internal/cluster"
	conclave "github.com/conclavehq/conclave/sdk"
)

// doneKey holds the number of the last tick that was run.
const doneKey = "scheduler/done"

// errFinished says that there is nothing left to run.
var errFinished = errors.New("all ticks are done")

// candidate runs ticks while it leads.
type candidate struct {
	name        string
	client      *conclave.Client
	ttl, every  time.Duration
	resignAfter int
	last        int // the tick to end with
	out         *log.Logger
}

// run stands for election, again and again.
func (c *candidate) run(ctx context.Context) error {
	for {
		s, err := c.client.NewSession(ctx, conclave.WithTTL(c.ttl), conclave.WithIdentity(c.name))
		if err != nil {
			return err
		}
		err = s.Election("scheduler").Lead(ctx, c.name, c.lead)
		cluster.Close(ctx, s)
		switch {
		case errors.Is(err, errFinished):
			return nil
		case errors.Is(err, conclave.ErrLost), errors.Is(err, conclave.ErrGuardFailed):
			c.out.Printf("%s leads no more: %v", c.name, err)
		case err != nil:
			return err
		}
	}
}

// lead runs tick after tick. Its context ends with the term, so that nothing is
// run any more when somebody else may lead. To return is to hand over.
func (c *candidate) lead(ctx context.Context, term *conclave.Term) error {
	done, err := lastDone(ctx, c.client)
	if err != nil {
		return err
	}
	if done < c.last {
		c.out.Printf("%s leads in term %d and goes on after tick %d", c.name, term.Number(), done)
	}
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for ran := 0; done < c.last; ran++ {
		if ran == c.resignAfter && ran > 0 {
			c.out.Printf("%s hands over", c.name)
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		done++
		if err := c.tick(ctx, term, done); err != nil {
			return err
		}
	}
	return errFinished
}

// tick runs the job and records it. The guard is all it takes to record a tick
// once: a leader whose term is over cannot write, and the next one begins with
// the record.
func (c *candidate) tick(ctx context.Context, term *conclave.Term, n int) error {
	if err := job(ctx, c.every/3); err != nil {
		return fmt.Errorf("tick %d is stopped half-way: %w", n, err)
	}
	_, err := c.client.Txn().If(term.Guard()).Then(
		conclave.OpPut(doneKey, strconv.Itoa(n)),
		conclave.OpPut(fmt.Sprintf("scheduler/runs/%d", n), fmt.Sprintf("%s in term %d", c.name, term.Number())),
	).Commit(ctx)
	if err == nil {
		c.out.Printf("%s ran tick %d in term %d", c.name, n, term.Number())
	}
	return err
}

// job works for a while, and stops when it may not go on.
func job(ctx context.Context, work time.Duration) error {
	select {
	case <-time.After(work):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func lastDone(ctx context.Context, client *conclave.Client) (int, error) {
	kv, err := client.Get(ctx, doneKey)
	if errors.Is(err, conclave.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(kv.String())
}
