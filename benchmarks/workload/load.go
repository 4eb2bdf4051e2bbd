package workload

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/benchmarks/system"
)

const (
	// loadBatch fits into one transaction of either system.
	loadBatch   = 100
	loadCallers = 32
)

// load writes the keys from one number up to another, as fast as it goes.
func load(ctx context.Context, b *Bench, from, to int) error {
	batches := make(chan int)
	group, ctx := errgroup.WithContext(ctx)
	for caller := range loadCallers {
		client, in := b.Client(caller), newInput(caller)
		group.Go(func() error {
			for first := range batches {
				var keys, values []string
				for i := first; i < min(first+loadBatch, to); i++ {
					keys, values = append(keys, key(i)), append(values, in.value())
				}
				if err := client.PutMany(ctx, keys, values); err != nil {
					return fmt.Errorf("loading key %d: %w", first, err)
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(batches)
		for first := from; first < to; first += loadBatch {
			select {
			case batches <- first:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// read gets one key, and makes sure that it is a whole value.
func read(ctx context.Context, client system.Keys, key string) error {
	value, err := client.Get(ctx, key)
	if err == nil && len(value) != valueSize {
		err = fmt.Errorf("key %s has %d bytes", key, len(value))
	}
	return err
}
