package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/conclavehq/conclave/examples/internal/cluster"
	conclave "github.com/conclavehq/conclave/sdk"
)

// lock is the name of the mutex that guards the file.
const lock = "filelock/counter"

// worker counts. Each has its own session, because that is what holds a mutex.
type worker struct {
	name   string
	client *conclave.Client
	ttl    time.Duration
	file   journal
	left   int // how often it still has to count
	out    *log.Logger
}

func (w *worker) session(ctx context.Context) (*conclave.Session, error) {
	return w.client.NewSession(ctx, conclave.WithTTL(w.ttl), conclave.WithIdentity(w.name))
}

// run counts, and starts over when the worker loses its session or its lock.
func (w *worker) run(ctx context.Context) error {
	for w.left > 0 {
		s, err := w.session(ctx)
		if err != nil {
			return err
		}
		for err == nil && w.left > 0 {
			err = s.Mutex(lock).Do(ctx, w.increment)
		}
		cluster.Close(ctx, s)
		if err != nil && !errors.Is(err, conclave.ErrLost) {
			return err
		}
	}
	return nil
}

func (w *worker) increment(_ context.Context, h *conclave.Hold) error {
	count, err := w.file.open(h.Token())
	if err != nil {
		return err
	}
	if err := w.file.write(h.Token(), count+1); err != nil {
		return err
	}
	w.left--
	w.out.Printf("%s holds token %d and counts to %d", w.name, h.Token(), count+1)
	return nil
}

// stall does what happens to a process that is paused while it holds the mutex:
// it has read the counter, renews nothing any more, and still writes when it
// wakes up. By then those who waited behind it have had their turns.
func (w *worker) stall(ctx context.Context) error {
	paused, err := w.session(ctx)
	if err != nil {
		return err
	}
	old, err := paused.Mutex(lock).Lock(ctx)
	if err != nil {
		return err
	}
	count, err := w.file.open(old.Token())
	if err != nil {
		return err
	}
	paused.Detach() // its lease stays, and nobody renews it
	w.out.Printf("%s stalls while it holds token %d", w.name, old.Token())

	awake, err := w.session(ctx)
	if err != nil {
		return err
	}
	defer cluster.Close(ctx, awake)
	return awake.Mutex(lock).Do(ctx, func(_ context.Context, h *conclave.Hold) error {
		if _, err := w.file.open(h.Token()); err != nil {
			return err
		}
		err := w.file.write(old.Token(), count+1)
		if !errors.Is(err, errStale) {
			return fmt.Errorf("the late write was not refused, but: %v", err)
		}
		w.out.Printf("%s wakes up and writes with token %d: %v", w.name, old.Token(), err)
		return nil
	})
}
