package process

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// attempt makes one version of a key and notes what came of it. An error that
// matches one of those expected only means that it was refused.
func (w *worker) attempt(key, value string, send func(context.Context) (conclave.Revision, error), expected ...error) (bool, error) {
	ctx, cancel := w.bounded()
	defer cancel()
	call := w.now()
	revision, err := send(ctx)
	result := outcomeOf(err)
	record(w.history, &w.writes, write{key: key, value: value, call: call, ret: w.now(), revision: revision, outcome: result})
	for _, e := range expected {
		if errors.Is(err, e) {
			return false, nil
		}
	}
	return err == nil, err
}

// put writes a key of its own, or one that others write too.
func (w *worker) put() error {
	value := w.unique()
	key := "load/put/" + value
	if w.random.IntN(2) == 0 {
		key = fmt.Sprintf("load/shared/%d", w.random.IntN(shared))
	}
	_, err := w.attempt(key, value, func(ctx context.Context) (conclave.Revision, error) {
		return w.client.Put(ctx, key, value)
	})
	return err
}

// errLostRace says that another client was faster.
var errLostRace = &conclave.Error{Reason: "LOST_RACE", Message: "another client was faster"}

// count reads a counter and raises it unless another client was faster.
func (w *worker) count() error {
	key := fmt.Sprintf("load/counter/%d", w.random.IntN(counters))
	ctx, cancel := w.bounded()
	defer cancel()
	kv, err := w.client.Get(ctx, key)
	if err != nil && !errors.Is(err, conclave.ErrKeyNotFound) {
		return err
	}
	text, _, _ := strings.Cut(kv.String(), " ")
	n, _ := strconv.Atoi(text) // an absent counter is 0
	value := fmt.Sprintf("%d by %s", n+1, w.unique())
	_, err = w.attempt(key, value, func(ctx context.Context) (conclave.Revision, error) {
		result, err := w.client.Txn().
			If(conclave.ModRevision(key).Equal(kv.Modified)).
			Then(conclave.OpPut(key, value)).
			Commit(ctx)
		switch {
		case err != nil:
			return 0, err
		case !result.Succeeded:
			return 0, errLostRace
		}
		return result.Revision, nil
	}, errLostRace)
	return err
}

// read reads a key that others write, or a counter.
func (w *worker) read() error {
	key := fmt.Sprintf("load/shared/%d", w.random.IntN(shared))
	if w.random.IntN(2) == 0 {
		key = fmt.Sprintf("load/counter/%d", w.random.IntN(counters))
	}
	ctx, cancel := w.bounded()
	defer cancel()
	call := w.now()
	res, err := w.client.Range(ctx, key)
	if err != nil {
		return err
	}
	r := reading{key: key, call: call, ret: w.now(), revision: res.Revision}
	if len(res.KVs) > 0 {
		r.value = res.KVs[0].String()
	}
	record(w.history, &w.reads, r)
	return nil
}

// lock takes a mutex that others want too, and writes under its guard.
func (w *worker) lock() error {
	name := fmt.Sprintf("load/mutex/%d", w.random.IntN(mutexes))
	ctx, cancel := w.bounded()
	defer cancel()
	call := w.now()
	hold, err := w.session.Mutex(name).Lock(ctx)
	if err != nil {
		return err
	}
	held := holding{mutex: name, token: hold.Token(), call: call, got: w.now()}
	key := fmt.Sprintf("load/guarded/%s", name)
	value := fmt.Sprintf("%d by %s", hold.Token(), w.unique())
	_, err = w.attempt(key, value, func(ctx context.Context) (conclave.Revision, error) {
		return w.client.Put(ctx, key, value, hold.Guard())
	})
	held.left = w.now()
	record(w.history, &w.holds, held)
	if err := errors.Join(err, hold.Unlock(ctx)); err != nil {
		return fmt.Errorf("with token %d: %w", held.token, err)
	}
	return nil
}

// enqueue adds a job.
func (w *worker) enqueue() error {
	body := w.unique()
	ctx, cancel := w.bounded()
	defer cancel()
	id, err := w.client.Queue(jobQueue).Enqueue(ctx, []byte(body))
	record(w.history, &w.enqueues, enqueuing{body: body, id: id, outcome: outcomeOf(err)})
	return err
}

// work finishes jobs until ctx ends: one half by an ack, the other by an ack that
// is one commit with the job's effect.
func (w *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		call := w.now()
		jobs, err := w.session.Queue(jobQueue).Claim(ctx, 3)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				w.complain(fmt.Errorf("%s: %w", w.name, err))
			}
			return
		}
		for _, job := range jobs {
			record(w.history, &w.claims, claiming{id: job.ID, body: string(job.Body), receipt: job.Receipt, call: call, ret: w.now()})
			if err := w.ack(job); err != nil {
				w.complain(fmt.Errorf("%s: job %d with receipt %d: %w", w.name, job.ID, job.Receipt, err))
				return
			}
		}
	}
}

func (w *worker) ack(job *conclave.Job) error {
	var err error
	if w.random.IntN(2) == 0 {
		ctx, cancel := w.bounded()
		defer cancel()
		err = job.Ack(ctx)
	} else {
		key := fmt.Sprintf("load/done/%d", job.ID)
		value := w.unique()
		_, err = w.attempt(key, value, func(ctx context.Context) (conclave.Revision, error) {
			result, err := w.client.Txn().Then(job.OpAck(), conclave.OpPut(key, value)).Commit(ctx)
			if err != nil {
				return 0, err
			}
			return result.Revision, nil
		})
	}
	record(w.history, &w.acks, acking{id: job.ID, receipt: job.Receipt, outcome: outcomeOf(err)})
	return err
}

// awaitResumed waits until a write that was called after a moment is
// acknowledged, and returns how long after that moment this was.
func (l *load) awaitResumed(since time.Duration) time.Duration {
	l.t.Helper()
	var first time.Duration
	eventually(l.t, patience, func(context.Context) error {
		n, ret := l.ackedSince(since)
		if first = ret; n == 0 {
			return errors.New("no write was acknowledged")
		}
		return nil
	})
	return first - since
}

// awaitWrites waits until n more writes are acknowledged.
func (l *load) awaitWrites(n int) {
	l.t.Helper()
	since := l.now()
	eventually(l.t, patience, func(context.Context) error {
		if got, _ := l.ackedSince(since); got < n {
			return fmt.Errorf("%d of %d writes were acknowledged", got, n)
		}
		return nil
	})
}
