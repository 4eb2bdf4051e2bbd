package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// settle heals everything, and has the clients and the replicas come to one end.
func (r *run) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rest)
	defer cancel()
	if err := r.cluster.Network().Clear(); err != nil {
		return err
	}
	if err := r.cluster.Healthy(ctx); err != nil {
		return fmt.Errorf("the cluster is not whole again after the faults: %w", err)
	}
	now := r.history.Now()
	r.history.Add(history.Record{Kind: history.Healthy, Call: now, Return: now})
	if err := stop(ctx, r.load); err != nil {
		return err
	}
	if err := r.load.Finish(ctx); err != nil {
		return rig.Unwell{Err: fmt.Errorf("the clients cannot finish: %w", err)}
	}
	return r.hashes(ctx)
}

// clients are those of a load.
type clients interface {
	// Stop waits for the calls under way.
	Stop()
	// Close cuts them off.
	Close()
}

// stop lets the clients end their calls, and cuts off those that take too long.
func stop(ctx context.Context, load clients) error {
	stopped := make(chan struct{})
	go func() {
		load.Stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		load.Close()
		<-stopped
		return rig.Unwell{Err: fmt.Errorf("calls of clients were not answered although the cluster was whole again: %w", ctx.Err())}
	}
}

// hashes notes the hashes of all replicas.
func (r *run) hashes(ctx context.Context) error {
	shards, err := r.cluster.Hashes(ctx)
	if err != nil {
		return fmt.Errorf("the replicas' hashes cannot be compared: %w", err)
	}
	now := r.history.Now()
	for _, shard := range shards {
		for _, node := range slices.Sorted(maps.Keys(shard.Nodes)) {
			r.history.Add(history.Record{
				Kind: history.ReplicaHash, Node: node, Key: fmt.Sprint(shard.Shard),
				Revision: int64(shard.Index), Value: shard.Nodes[node], Call: now, Return: now,
			})
		}
	}
	return nil
}

// end stops what runs, and looks at how the processes ended.
func (r *run) end() error {
	var errs []error
	if r.load != nil {
		r.load.Close()
	}
	if r.client != nil {
		errs = append(errs, r.client.Close())
	}
	if r.cluster != nil {
		errs = append(errs, r.cluster.Close())
	}
	if r.history != nil {
		errs = append(errs, r.processes())
	}
	return errors.Join(errs...)
}
