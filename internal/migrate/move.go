package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Stage is what a Move is doing.
type Stage string

// The stages, in order. A copy that exists already is not made again.
const (
	Copying   Stage = "copying"
	Following Stage = "following"
	Comparing Stage = "comparing"
	// Saving is the only stage of a Save.
	Saving Stage = "saving"
)

// Report is how far a Move is.
type Report struct {
	Stage Stage
	// Done and Total are keys while copying and comparing. Total is 0 while it is not
	// known.
	Done, Total int64
	Bytes       int64
	// Revision is the one that has been reached, Head that of the origin as far as it
	// is known.
	Revision, Head int64
	// Note is something that a human should hear of; it is about nothing else then.
	Note string
}

// Move is what to move, and how.
type Move struct {
	Origin      Origin
	Destination *Destination
	Span        Span
	// Follow goes on after the copy, until Until (if it is not 0) is reached or Stop
	// is closed: then until where the origin is at that moment.
	Follow bool
	Until  int64
	Stop   <-chan struct{}
	// Report is called often, from several goroutines but not concurrently.
	Report func(Report)
}

// Result is what was moved.
type Result struct {
	// Keys and Leases are those that are there in the end.
	Keys, Leases int64
	Revision     int64
	// Digest is that of all keys, the same on both sides.
	Digest uint64
	// Resumed says that a copy of an earlier run was continued.
	Resumed bool
}

// maxCopies is how often a copy is begun because the origin forgets its revision
// faster than it is copied.
const maxCopies = 5

// settled is how long the origin has to be followed until another copy is not one
// in a row.
const settled = time.Minute

// Run moves the keys. When it fails it can be run again.
func (m Move) Run(ctx context.Context) (Result, error) {
	head, resumed, err := m.begin(ctx)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	keeper := &keeper{origin: m.Origin, destination: m.Destination, failed: cancel}
	defer keeper.end()
	defer cancel(nil)
	result := Result{Resumed: resumed}
	if err := m.bring(ctx, keeper, head, &result); err != nil {
		return result, cause(ctx, err)
	}
	keeper.end()
	result.Leases, err = m.letGo(context.WithoutCancel(ctx))
	return result, err
}

// begin finds out how both sides stand: what the origin's revision is, and whether a
// copy of an earlier run is continued.
func (m Move) begin(ctx context.Context) (head int64, resumed bool, err error) {
	status, err := m.Destination.Begin(ctx)
	if err != nil {
		return 0, false, err
	}
	if head, err = m.Origin.Head(ctx); err != nil {
		return 0, false, err
	}
	if status.Source == "" {
		return head, false, nil
	}
	if err := m.Destination.checkMine(status); err != nil {
		return 0, false, err
	}
	if int64(status.Revision) > head {
		return 0, false, fmt.Errorf("%s is at revision %d and was imported up to %d: it was restored from an old backup, or is another one; import into a fresh namespace",
			m.Origin.Source(), head, status.Revision)
	}
	return head, status.Complete, nil
}

// bring copies and follows, again from the beginning when the origin forgets what is
// still needed, until both sides are the same.
func (m Move) bring(ctx context.Context, k *keeper, head int64, result *Result) error {
	copied := result.Resumed
	if copied {
		if err := k.begin(ctx, m.Destination); err != nil {
			return err
		}
	}
	for copies := 0; ; {
		if !copied {
			if copies++; copies > maxCopies {
				return fmt.Errorf("the origin compacts its revisions faster than they are copied, %d times in a row; let it compact less often meanwhile", maxCopies)
			}
			var err error
			if head, err = m.copy(ctx, k); err != nil && !m.again(err) {
				return err
			}
			if copied = err == nil; !copied {
				continue
			}
		}
		began := time.Now()
		if err := m.finish(ctx, head, result); err == nil || !m.again(err) {
			return err
		}
		if time.Since(began) > settled {
			copies = 0 // it was followed meanwhile
		}
		copied = false
	}
}

// again tells whether an error is that the origin has forgotten what is needed: then
// a copy from a later revision helps.
func (m Move) again(err error) bool {
	var compacted *CompactedError
	if !errors.As(err, &compacted) {
		return false
	}
	m.Report(Report{Note: err.Error() + ", so everything is copied anew"})
	return true
}

// cause prefers why a context was ended to that it was.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && errors.Is(err, context.Canceled) {
		return why
	}
	return err
}

// copy copies everything at the origin's current revision, which it returns.
func (m Move) copy(ctx context.Context, k *keeper) (revision int64, err error) {
	if revision, err = m.Origin.Head(ctx); err != nil {
		return 0, err
	}
	if m.Until > 0 {
		revision = min(revision, m.Until)
	}
	total, err := m.Origin.Count(ctx, revision)
	if err != nil {
		return 0, err
	}
	report := Report{Stage: Copying, Total: total, Revision: revision, Head: revision}
	m.Report(report)
	_, err = m.Destination.Copy(ctx, revision, m.Span, m.Origin.At(revision), func(c Copied) {
		k.start(ctx)
		report.Done, report.Bytes = c.Keys, c.Bytes
		m.Report(report)
	})
	return revision, err
}

// finish follows the origin, as far as it is wanted, and compares.
func (m Move) finish(ctx context.Context, head int64, result *Result) error {
	switch {
	case m.Follow || m.Until > 0:
		f := follower{move: m, until: m.Until, stop: m.Stop}
		if err := f.run(ctx); err != nil {
			return err
		}
	case m.Destination.Revision() < head:
		f := follower{move: m, until: head}
		if err := f.run(ctx); err != nil {
			return err
		}
	}
	return m.compare(ctx, result)
}

// letGo lets the leases end by themselves from now on, unless their owners, who may
// come over now, renew them here. It returns how many there are. All TTLs are asked
// for: a lease may have ended and been granted again, with another one.
func (m Move) letGo(ctx context.Context) (int64, error) {
	leases, err := allLeases(ctx, m.Origin.At(m.Destination.Revision()))
	if err != nil {
		return 0, fmt.Errorf("the keys are there, but the origin does not list its leases any more: %w", err)
	}
	alive := int64(len(leases))
	there := make(map[conclave.LeaseID]bool, len(leases))
	for _, lease := range leases {
		there[lease.ID] = true
	}
	var ended []conclave.LeaseID
	for _, lease := range m.Destination.heldLeases() {
		if !there[lease.ID] {
			ended = append(ended, lease.ID)
		}
	}
	if err := m.Destination.EndLeases(ctx, ended); err != nil {
		return 0, err
	}
	// What has ended there and still has keys here has ended since the revision that
	// has been reached. It gets its TTL like the others.
	for _, lease := range m.Destination.heldLeases() {
		if !there[lease.ID] {
			leases = append(leases, lease)
		}
	}
	return alive, m.Destination.LetGo(ctx, leases)
}
