package clientv3

import (
	"fmt"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
	"golang.org/x/sync/errgroup"
)

// The recipes that come with etcd's client.
func testRecipes(t *testing.T, s site) {
	for name, test := range map[string]func(*testing.T, site) error{
		"queue":          queue,
		"priority queue": priorityQueue,
		"barrier":        barrier,
		"double barrier": doubleBarrier,
		"rwmutex":        readersAndWriters,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, done := rig.Within(t, rig.Patience), make(chan error, 1)
			go func() { done <- test(t, s) }() // they take no context
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-ctx.Done():
				t.Error("it did not end")
			}
		})
	}
}

func queue(t *testing.T, s site) error {
	const jobs = 10
	q, taken := recipe.NewQueue(s.client(t), key(t, "q")), make(map[string]bool)
	other := recipe.NewQueue(s.client(t), key(t, "q"))
	var group errgroup.Group
	group.Go(func() error {
		for i := range jobs {
			if err := q.Enqueue(fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	for range jobs {
		job, err := other.Dequeue()
		if err != nil {
			return err
		}
		if taken[job] {
			return fmt.Errorf("%s was taken twice", job)
		}
		taken[job] = true
	}
	return group.Wait()
}

func priorityQueue(t *testing.T, s site) error {
	q := recipe.NewPriorityQueue(s.client(t), key(t, "pq"))
	for _, priority := range []uint16{3, 1, 2} {
		if err := q.Enqueue(fmt.Sprint(priority), priority); err != nil {
			return err
		}
	}
	for _, want := range []string{"1", "2", "3"} {
		if got, err := q.Dequeue(); err != nil || got != want {
			return fmt.Errorf("got %s, %w, want %s", got, err, want)
		}
	}
	return nil
}

func barrier(t *testing.T, s site) error {
	b, passed := recipe.NewBarrier(s.client(t), key(t, "b")), make(chan error, 1)
	if err := b.Hold(); err != nil {
		return err
	}
	go func() { passed <- recipe.NewBarrier(s.client(t), key(t, "b")).Wait() }()
	select {
	case err := <-passed:
		return fmt.Errorf("a barrier that is held lets pass: %w", err)
	default:
	}
	if err := b.Release(); err != nil {
		return err
	}
	return <-passed
}

func doubleBarrier(t *testing.T, s site) error {
	const parties = 3
	var group errgroup.Group
	for range parties {
		b := recipe.NewDoubleBarrier(session(t, s.client(t)), key(t, "db"), parties)
		group.Go(func() error {
			if err := b.Enter(); err != nil {
				return err
			}
			return b.Leave()
		})
	}
	return group.Wait()
}

func readersAndWriters(t *testing.T, s site) error {
	name := key(t, "rw")
	one, two := recipe.NewRWMutex(session(t, s.client(t)), name), recipe.NewRWMutex(session(t, s.client(t)), name)
	writer, written := recipe.NewRWMutex(session(t, s.client(t)), name), make(chan error, 1)
	for _, reader := range []*recipe.RWMutex{one, two} {
		if err := reader.RLock(); err != nil {
			return err
		}
	}
	go func() { written <- writer.Lock() }()
	for _, reader := range []*recipe.RWMutex{one, two} {
		select {
		case err := <-written:
			return fmt.Errorf("a writer beside readers: %w", err)
		default:
		}
		if err := reader.RUnlock(); err != nil {
			return err
		}
	}
	if err := <-written; err != nil {
		return err
	}
	return writer.Unlock()
}
