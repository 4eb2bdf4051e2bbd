package migrate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

const (
	// DefaultHold is how long leases live on when the import is interrupted.
	DefaultHold = time.Hour

	// partBytes is about how many bytes of keys go into one request; a larger key
	// goes alone. maxRequestBytes is what a request may have.
	partBytes       = 1 << 20
	maxRequestBytes = 11 << 20
	// leasesAtOnce is how many leases go into one request.
	leasesAtOnce = 1000
)

// Destination is a namespace that keys are brought into. One goroutine uses it, but
// for the methods that are about leases.
type Destination struct {
	client *conclave.Client
	source string
	hold   time.Duration
	// at is the revision that the namespace must be at.
	at conclave.Revision

	mu struct {
		sync.Mutex
		// held are the leases that are there and do not end by themselves.
		held map[conclave.LeaseID]time.Duration
	}
}

// NewDestination is the client's namespace, into which a source is imported.
func NewDestination(client *conclave.Client, source string, hold time.Duration) *Destination {
	d := &Destination{client: client, source: source, hold: hold}
	d.mu.held = make(map[conclave.LeaseID]time.Duration)
	return d
}

// Begin asks how the namespace stands, which is what the next import expects. It fails
// where the first import would: when there are keys that none has brought.
func (d *Destination) Begin(ctx context.Context) (conclave.ImportStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := d.client.ImportStatus(ctx)
	if err != nil {
		return status, err
	}
	d.at = status.Revision
	if status.Source == "" {
		page, err := d.client.ExportKeys(ctx, "", "", 0, true)
		if err == nil && len(page.Keys) > 0 {
			err = &conclave.Error{Reason: "NAMESPACE_NOT_EMPTY", Revision: status.Revision, Message: "the namespace has keys of its own"}
		}
		return status, err
	}
	return status, nil
}

// checkMine refuses a namespace that was imported from elsewhere, or that somebody has
// written to since. The namespace would refuse, too, but only after the first page.
func (d *Destination) checkMine(status conclave.ImportStatus) error {
	conflict := &conclave.Error{Reason: "IMPORT_CONFLICT", Revision: status.Revision}
	switch {
	case status.Source != d.source:
		conflict.Message = fmt.Sprintf("the namespace was imported from %s and not from %s", status.Source, d.source)
	case status.Revision != status.Imported:
		conflict.Message = fmt.Sprintf("the namespace was imported up to revision %d and is at %d now: somebody has written to it since, or leases ran out",
			status.Imported, status.Revision)
	default:
		return nil
	}
	return conflict
}

// Revision is that of the namespace after the last import.
func (d *Destination) Revision() int64 { return int64(d.at) }

// bring imports a batch.
func (d *Destination) bring(ctx context.Context, batch conclave.ImportBatch) error {
	batch.Expected, batch.Hold = d.at, d.hold
	result, err := d.importKeys(ctx, batch)
	if err != nil {
		return err
	}
	d.at = result.Revision
	d.noteHeld(batch.Leases)
	return nil
}

// patience is how long one request is tried: a leader may change, and a node be
// restarted. Who waits for longer had better know why.
const patience = time.Minute

// importKeys is one request.
func (d *Destination) importKeys(ctx context.Context, batch conclave.ImportBatch) (conclave.ImportResult, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	batch.Source = d.source
	return d.client.ImportKeys(ctx, batch)
}

// Apply brings revisions that follow what is there, and the leases that they need.
func (d *Destination) Apply(ctx context.Context, revisions []conclave.ImportedRevision, leases []conclave.StoredLease) error {
	for len(revisions) > 0 {
		n, size := 0, 0
		for n < len(revisions) && (n == 0 || size+sizeOf(revisions[n]) <= partBytes) {
			size += sizeOf(revisions[n])
			n++
		}
		next := slices.Clone(revisions[:n])
		if size > maxRequestBytes {
			var err error
			if next[0], err = d.condensed(ctx, next[0]); err != nil {
				return err
			}
		}
		if err := d.bring(ctx, conclave.ImportBatch{Revisions: next, Leases: leases}); err != nil {
			return err
		}
		revisions, leases = revisions[n:], nil
	}
	return nil
}

// changeBytes is about what a change takes beside its key and value.
const changeBytes = 48

func sizeOf(revision conclave.ImportedRevision) int {
	size := changeBytes
	for _, change := range revision.Changes {
		size += changeBytes + len(change.Delete) + len(change.To)
		if change.Put != nil {
			size += len(change.Put.Key) + len(change.Put.Value)
		}
	}
	return size
}

// Digest reads all keys of a span at a revision; progress is told how many so far.
func (d *Destination) Digest(ctx context.Context, span Span, revision int64, progress func(keys int64)) (archive.Digest, error) {
	return digest(ctx, NewSource(d.client, span, conclave.Revision(revision)), progress)
}

// digest reads all keys of a source.
func digest(ctx context.Context, source archive.Source, progress func(keys int64)) (sum archive.Digest, err error) {
	var from []byte
	for more := true; more; {
		var page []archive.Key
		page, more, err = source.Keys(ctx, from)
		if err != nil {
			return sum, err
		}
		for i := range page {
			sum.Add(&page[i])
		}
		if len(page) == 0 {
			break
		}
		from = append(slices.Clone(page[len(page)-1].Key), 0)
		progress(sum.Count())
	}
	return sum, nil
}
