package migrate

import (
	"context"
	"errors"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// errReached ends a follower that has come as far as it should.
var errReached = errors.New("migrate: reached")

// follower brings what the origin changes.
type follower struct {
	move Move
	// until is the revision to stop at; 0: none yet.
	until int64
	stop  <-chan struct{}
	// through is up to where the origin has told everything: more than the
	// destination's revision when what follows was outside of the span.
	through int64
}

// run follows until the end.
func (f *follower) run(ctx context.Context) error {
	f.through = f.move.Destination.Revision()
	if f.reached() {
		return f.settle(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopping := make(chan int64, 1)
	if f.stop != nil {
		go f.awaitStop(ctx, stopping, cancel)
	}
	err := f.move.Origin.Changes(ctx, f.move.Destination.Revision(), func(news News) error {
		select {
		case head := <-stopping:
			if f.until == 0 || head < f.until {
				f.until = head
			}
		default:
		}
		if err := f.take(ctx, news); err != nil {
			return err
		}
		if f.reached() {
			return errReached
		}
		return nil
	})
	if !errors.Is(err, errReached) {
		return cause(ctx, err)
	}
	return f.settle(context.WithoutCancel(ctx))
}

// awaitStop finds out where the origin is when it is time to stop.
func (f *follower) awaitStop(ctx context.Context, stopping chan<- int64, failed context.CancelCauseFunc) {
	select {
	case <-f.stop:
	case <-ctx.Done():
		return
	}
	head, err := f.move.Origin.Head(ctx)
	if err != nil {
		failed(err)
		return
	}
	stopping <- head
}

// reached tells whether the follower has come as far as it should.
func (f *follower) reached() bool {
	return f.until > 0 && max(f.through, f.move.Destination.Revision()) >= f.until
}

// take brings what is new.
func (f *follower) take(ctx context.Context, news News) error {
	revisions := news.Revisions
	for i, revision := range revisions {
		if f.until > 0 && int64(revision.Revision) > f.until {
			revisions, news.Through = revisions[:i], f.until
			break
		}
	}
	leases, err := f.needed(ctx, revisions)
	if err != nil {
		return err
	}
	if err := f.move.Destination.Apply(ctx, revisions, leases); err != nil {
		return err
	}
	f.through = max(f.through, news.Through, f.move.Destination.Revision())
	f.move.Report(Report{
		Stage: Following, Revision: f.through, Head: max(news.Head, f.through),
	})
	return nil
}

// needed are the leases that revisions need and that are not there yet.
func (f *follower) needed(ctx context.Context, revisions []conclave.ImportedRevision) ([]conclave.StoredLease, error) {
	var leases []conclave.StoredLease
	seen := make(map[conclave.LeaseID]bool)
	for _, revision := range revisions {
		for _, change := range revision.Changes {
			if change.Put == nil || change.Put.Lease == 0 || seen[change.Put.Lease] || f.move.Destination.holds(change.Put.Lease) {
				continue
			}
			id := change.Put.Lease
			seen[id] = true
			ttl, err := f.move.Origin.TTL(ctx, int64(id))
			if err != nil {
				return nil, err
			}
			if ttl == 0 { // it has ended since; a later revision deletes the key
				ttl = time.Second
			}
			leases = append(leases, conclave.StoredLease{ID: id, TTL: ttl})
		}
	}
	return leases, nil
}

// settle moves the destination to the revision at which the follower stopped, if the
// last ones had nothing of the span.
func (f *follower) settle(ctx context.Context) error {
	to := min(f.through, f.until)
	if to <= f.move.Destination.Revision() {
		return nil
	}
	return f.move.Destination.Apply(ctx, []conclave.ImportedRevision{{Revision: conclave.Revision(to)}}, nil)
}
