package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// benchStep is one operation of one client.
type benchStep func(ctx context.Context) error

// benchLoad makes a client's operation and what ends it.
type benchLoad func(ctx context.Context, c *conclave.Client, p benchPlan, number int) (step benchStep, end func(context.Context) error, err error)

var benchLoads = map[string]benchLoad{
	"put":   benchPut,
	"get":   benchGet,
	"mixed": benchMixed,
	"lock":  benchLock,
	"queue": benchQueue,
}

// run has all clients work until the time is over, and counts what ends after
// the warm-up.
func (p benchPlan) run(ctx context.Context, c *conclave.Client, name string) (benchJSON, error) {
	result := benchJSON{Workload: name, Clients: p.clients, ValueSize: p.valueSize, Seconds: p.duration.Seconds()}
	steps, done, err := p.prepare(ctx, c, name)
	defer done()
	if err != nil {
		return result, err
	}
	var (
		working sync.WaitGroup
		mu      sync.Mutex // protects total and result
		total   latencies
		begin   = time.Now().Add(benchWarmup)
		end     = begin.Add(p.duration)
	)
	ctx, cancel := context.WithDeadline(ctx, end.Add(p.patience))
	defer cancel()
	for _, step := range steps {
		working.Go(func() {
			own, failures, first := repeat(ctx, step, begin, end)
			mu.Lock()
			defer mu.Unlock()
			total.add(own)
			result.Errors += failures
			if result.Error == "" && first != nil {
				result.Error = reasonOf(first)
			}
		})
	}
	working.Wait()
	if early := time.Since(begin).Seconds(); early < result.Seconds {
		result.Seconds = max(early, 0)
	}
	result.Ops = total.count
	if result.Seconds > 0 {
		result.Rate = float64(total.count) / result.Seconds
	}
	result.P50, result.P99, result.P999 = total.quantile(0.5), total.quantile(0.99), total.quantile(0.999)
	result.Longest = milliseconds(total.longest)
	return result, nil
}

// prepare makes the clients' operations. done ends what they stand on, also when
// there was an error.
func (p benchPlan) prepare(ctx context.Context, c *conclave.Client, name string) (steps []benchStep, done func(), err error) {
	var ends []func(context.Context) error
	done = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.patience)
		defer cancel()
		var ending sync.WaitGroup
		for _, end := range ends {
			// What is not ended here ends with its TTL.
			ending.Go(func() { _ = end(ctx) })
		}
		ending.Wait()
	}
	soon, cancel := context.WithTimeout(ctx, benchPatience)
	defer cancel()
	if name == "get" || name == "mixed" {
		if err := p.fill(soon, c); err != nil {
			return nil, done, err
		}
	}
	for i := range p.clients {
		step, end, err := benchLoads[name](soon, c, p, i)
		if err != nil {
			return nil, done, err
		}
		steps = append(steps, step)
		if end != nil {
			ends = append(ends, end)
		}
	}
	return steps, done, nil
}

// repeat is one client. It pauses after a failure, so that a cluster in trouble
// is not asked in a tight loop.
func repeat(ctx context.Context, step benchStep, begin, end time.Time) (own latencies, failures int64, first error) {
	for {
		started := time.Now()
		if started.After(end) || ctx.Err() != nil {
			return own, failures, first
		}
		err := step(ctx)
		now := time.Now()
		switch {
		case err != nil && errors.Is(ctx.Err(), context.Canceled):
			return own, failures, first // interrupted
		case err != nil:
			failures++
			if first == nil {
				first = err
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		case now.After(begin) && !now.After(end):
			own.record(now.Sub(started))
		}
	}
}

// fill writes all keys, so that each can be read.
func (p benchPlan) fill(ctx context.Context, c *conclave.Client) error {
	const batch = 100
	for first := 0; first < p.keys; first += batch {
		var ops []conclave.Op
		for i := first; i < min(first+batch, p.keys); i++ {
			ops = append(ops, conclave.OpPut(p.key(i), p.value()))
		}
		if _, err := c.Txn().Then(ops...).Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p benchPlan) key(i int) string { return fmt.Sprintf("%s%08d", p.name, i) }

// value is text that does not compress well.
func (p benchPlan) value() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	var b strings.Builder
	b.Grow(p.valueSize)
	for range p.valueSize {
		b.WriteByte(letters[rand.IntN(len(letters))])
	}
	return b.String()
}

func benchPut(_ context.Context, c *conclave.Client, p benchPlan, _ int) (benchStep, func(context.Context) error, error) {
	value := p.value()
	return func(ctx context.Context) error {
		_, err := c.Put(ctx, p.key(rand.IntN(p.keys)), value)
		return err
	}, nil, nil
}

func benchGet(_ context.Context, c *conclave.Client, p benchPlan, _ int) (benchStep, func(context.Context) error, error) {
	return func(ctx context.Context) error {
		_, err := c.Get(ctx, p.key(rand.IntN(p.keys)))
		return err
	}, nil, nil
}

func benchMixed(ctx context.Context, c *conclave.Client, p benchPlan, number int) (benchStep, func(context.Context) error, error) {
	put, _, err1 := benchPut(ctx, c, p, number)
	get, _, err2 := benchGet(ctx, c, p, number)
	return func(ctx context.Context) error {
		if rand.IntN(5) > 0 {
			return get(ctx)
		}
		return put(ctx)
	}, nil, errors.Join(err1, err2)
}

func benchLock(ctx context.Context, c *conclave.Client, p benchPlan, number int) (benchStep, func(context.Context) error, error) {
	s, err := benchSession(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	name := fmt.Sprintf("%s%d", p.name, number)
	if p.contended {
		name = p.name + "shared"
	}
	return func(ctx context.Context) error {
		hold, err := s.Mutex(name).Lock(ctx)
		if err != nil {
			return err
		}
		return hold.Unlock(ctx)
	}, s.Close, nil
}

// benchQueueName is the same for all runs: a queue cannot be removed.
const benchQueueName = "conclave-bench"

// benchQueue puts in a job before it takes one, so nobody waits for long.
func benchQueue(ctx context.Context, c *conclave.Client, p benchPlan, _ int) (benchStep, func(context.Context) error, error) {
	s, err := benchSession(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	queue, body := s.Queue(benchQueueName), []byte(p.value())
	return func(ctx context.Context) error {
		if _, err := queue.Enqueue(ctx, body); err != nil {
			return err
		}
		jobs, err := queue.Claim(ctx, 1)
		if err != nil {
			return err
		}
		return jobs[0].Ack(ctx)
	}, s.Close, nil
}

func benchSession(ctx context.Context, c *conclave.Client) (*conclave.Session, error) {
	return c.NewSession(ctx, conclave.WithTTL(30*time.Second), conclave.WithPurpose("conclave bench"))
}
