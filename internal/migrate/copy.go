package migrate

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

// Copied is how far a copy is.
type Copied struct {
	Keys, Leases, Bytes int64
}

// Copy brings the keys of a source, which are those of a span at a revision, and its
// leases. What was copied before is replaced. The source is read ahead while the
// namespace takes what came before.
func (d *Destination) Copy(ctx context.Context, revision int64, span Span, from archive.Source, progress func(Copied)) (Copied, error) {
	leases, err := allLeases(ctx, from)
	if err != nil {
		return Copied{}, err
	}
	c := &copying{
		destination: d,
		revision:    conclave.Revision(revision),
		span:        span,
		next:        span.From,
		pending:     make(map[conclave.LeaseID]time.Duration, len(leases)),
		leases:      leases,
		progress:    progress,
	}
	for _, lease := range leases {
		c.pending[lease.ID] = lease.TTL
	}

	pages := make(chan page)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return read(ctx, from, pages) })
	group.Go(func() error {
		for page := range pages {
			if err := c.take(ctx, page); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.finish(ctx)
	})
	return c.done, group.Wait()
}

// page is keys that a source has given.
type page struct {
	keys []archive.Key
	last bool
}

// read reads a source page by page, and closes pages.
func read(ctx context.Context, source archive.Source, pages chan<- page) error {
	defer close(pages)
	var from []byte
	for more := true; more; {
		keys, rest, err := source.Keys(ctx, from)
		if err != nil {
			return err
		}
		more = rest && len(keys) > 0
		select {
		case pages <- page{keys: keys, last: !more}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(keys) > 0 {
			from = append(append([]byte(nil), keys[len(keys)-1].Key...), 0)
		}
	}
	return nil
}

// copying is a copy on its way.
type copying struct {
	destination *Destination
	revision    conclave.Revision
	span        Span
	// next is where the next part begins.
	next    string
	started bool
	// pending are the leases that are not there yet, leases those that no key has
	// asked for so far, and some others.
	pending  map[conclave.LeaseID]time.Duration
	leases   []conclave.StoredLease
	done     Copied
	progress func(Copied)
}

// take brings a page, in as many parts as it needs.
func (c *copying) take(ctx context.Context, p page) error {
	keys := p.keys
	for {
		n, size := 0, 0
		for n < len(keys) && (n == 0 || size+len(keys[n].Key)+len(keys[n].Value) <= partBytes) {
			size += len(keys[n].Key) + len(keys[n].Value)
			n++
		}
		if size > maxRequestBytes {
			return fmt.Errorf("key %q has %d bytes with its value, and a commit takes %d; delete it, or make it smaller", keys[0].Key, size, maxRequestBytes)
		}
		last := p.last && n == len(keys)
		if n > 0 || last {
			if err := c.part(ctx, keys[:n], last, int64(size)); err != nil {
				return err
			}
		}
		if keys = keys[n:]; len(keys) == 0 {
			return nil
		}
	}
}

// part brings one part.
func (c *copying) part(ctx context.Context, keys []archive.Key, last bool, size int64) error {
	part := &conclave.ImportPart{
		Revision: c.revision, First: !c.started, Last: last, From: c.next, To: c.span.To,
		Keys: make([]conclave.KV, 0, len(keys)),
	}
	if !last {
		part.To = string(keys[len(keys)-1].Key) + "\x00"
	}
	var leases []conclave.StoredLease
	for i := range keys {
		part.Keys = append(part.Keys, kvOf(&keys[i]))
		leases = c.need(leases, conclave.LeaseID(keys[i].Lease))
	}
	if err := c.destination.bring(ctx, conclave.ImportBatch{Part: part, Leases: leases}); err != nil {
		return err
	}
	c.started, c.next = true, part.To
	c.done.Keys += int64(len(keys))
	c.done.Leases += int64(len(leases))
	c.done.Bytes += size
	c.progress(c.done)
	return nil
}

// need adds a lease to those of the next part, unless it is there. One that the
// source does not list has ended since the revision of the copy: its keys go soon.
func (c *copying) need(leases []conclave.StoredLease, id conclave.LeaseID) []conclave.StoredLease {
	ttl, pending := c.pending[id]
	switch {
	case id == 0:
		return leases
	case pending:
		delete(c.pending, id)
	case c.destination.holds(id) && c.started:
		return leases
	default:
		for _, lease := range leases {
			if lease.ID == id {
				return leases
			}
		}
		ttl = archive.OrphanTTL
	}
	return append(leases, conclave.StoredLease{ID: id, TTL: ttl})
}

// finish brings the leases that no key has.
func (c *copying) finish(ctx context.Context) error {
	rest := make([]conclave.StoredLease, 0, len(c.pending))
	for _, lease := range c.leases {
		if _, pending := c.pending[lease.ID]; pending {
			rest = append(rest, lease)
		}
	}
	if err := c.destination.HoldLeases(ctx, rest); err != nil {
		return err
	}
	c.done.Leases += int64(len(rest))
	c.progress(c.done)
	return nil
}
