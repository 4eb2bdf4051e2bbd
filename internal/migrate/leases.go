package migrate

import (
	"context"
	"maps"
	"slices"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// HoldLeases grants leases, or holds them for longer.
func (d *Destination) HoldLeases(ctx context.Context, leases []conclave.StoredLease) error {
	return d.leases(ctx, leases, d.hold)
}

// HoldOn holds all leases for longer.
func (d *Destination) HoldOn(ctx context.Context) error {
	return d.HoldLeases(ctx, d.heldLeases())
}

// LetGo gives leases their own TTL: from now on they end unless their owners renew
// them here.
func (d *Destination) LetGo(ctx context.Context, leases []conclave.StoredLease) error {
	return d.leases(ctx, leases, 0)
}

func (d *Destination) leases(ctx context.Context, leases []conclave.StoredLease, hold time.Duration) error {
	for some := range slices.Chunk(leases, leasesAtOnce) {
		if _, err := d.importKeys(ctx, conclave.ImportBatch{Leases: some, Hold: hold}); err != nil {
			return err
		}
		d.noteHeld(some)
	}
	return nil
}

// EndLeases ends leases that have ended in the other store. Those that still own
// something stay, and have to be ended again.
func (d *Destination) EndLeases(ctx context.Context, ids []conclave.LeaseID) error {
	for some := range slices.Chunk(ids, leasesAtOnce) {
		result, err := d.importKeys(ctx, conclave.ImportBatch{Ended: some})
		if err != nil {
			return err
		}
		d.noteEnded(some, result.Kept)
	}
	return nil
}

func (d *Destination) noteHeld(leases []conclave.StoredLease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, lease := range leases {
		d.mu.held[lease.ID] = lease.TTL
	}
}

func (d *Destination) noteEnded(ids, kept []conclave.LeaseID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if !slices.Contains(kept, id) {
			delete(d.mu.held, id)
		}
	}
}

// holds tells whether a lease is there.
func (d *Destination) holds(id conclave.LeaseID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, found := d.mu.held[id]
	return found
}

// heldLeases are the leases that are there, by id.
func (d *Destination) heldLeases() []conclave.StoredLease {
	d.mu.Lock()
	defer d.mu.Unlock()
	leases := make([]conclave.StoredLease, 0, len(d.mu.held))
	for _, id := range slices.Sorted(maps.Keys(d.mu.held)) {
		leases = append(leases, conclave.StoredLease{ID: id, TTL: d.mu.held[id]})
	}
	return leases
}
