package migrate

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// lookAtLeases is how often the origin is asked for its leases.
const lookAtLeases = 10 * time.Second

// keeper keeps the leases of the destination as those of the origin, in the
// background: new ones are granted, ended ones end, all are held.
type keeper struct {
	origin      Origin
	destination *Destination
	// failed is told why the keeper cannot go on.
	failed context.CancelCauseFunc

	once  sync.Once
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// start begins to keep leases, if it has not begun yet.
func (k *keeper) start(ctx context.Context) {
	k.once.Do(func() {
		ctx, k.stop = context.WithCancel(ctx)
		k.tasks.Go(func() {
			if err := k.run(ctx); err != nil && ctx.Err() == nil {
				k.failed(err)
			}
		})
	})
}

// begin holds the leases of an earlier run, and starts.
func (k *keeper) begin(ctx context.Context, d *Destination) error {
	leases, err := allLeases(ctx, k.origin.At(d.Revision()))
	if err != nil {
		return err
	}
	if err := d.HoldLeases(ctx, leases); err != nil {
		return err
	}
	k.start(ctx)
	return nil
}

// end stops, and returns when the keeper does nothing any more.
func (k *keeper) end() {
	if k.stop != nil {
		k.stop()
	}
	k.tasks.Wait()
}

func (k *keeper) run(ctx context.Context) error {
	look := time.NewTicker(lookAtLeases)
	defer look.Stop()
	hold := time.NewTicker(k.destination.hold / 3)
	defer hold.Stop()
	for {
		select {
		case <-look.C:
			if err := k.look(ctx); err != nil {
				return err
			}
		case <-hold.C:
			if err := k.destination.HoldOn(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// look compares the leases of both sides.
func (k *keeper) look(ctx context.Context) error {
	ended, alive, err := standing(ctx, k.origin, k.destination)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(alive, func(lease conclave.StoredLease) bool { return k.destination.holds(lease.ID) })
	if err := k.destination.HoldLeases(ctx, fresh); err != nil {
		return err
	}
	return k.destination.EndLeases(ctx, ended)
}

// standing tells which leases of the destination have ended in the origin, and which
// ones are alive there. It asks for the TTLs of new ones alone.
func standing(ctx context.Context, origin Origin, d *Destination) (ended []conclave.LeaseID, alive []conclave.StoredLease, err error) {
	held := make(map[conclave.LeaseID]time.Duration)
	for _, lease := range d.heldLeases() {
		held[lease.ID] = lease.TTL
	}
	ids, err := origin.LeaseIDs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, number := range ids {
		id := conclave.LeaseID(number)
		ttl, found := held[id]
		delete(held, id)
		if !found {
			if ttl, err = origin.TTL(ctx, number); err != nil {
				return nil, nil, err
			}
		}
		if ttl > 0 { // else it ended just now
			alive = append(alive, conclave.StoredLease{ID: id, TTL: ttl})
		}
	}
	return slices.Sorted(maps.Keys(held)), alive, nil
}
