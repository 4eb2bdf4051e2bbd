package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

// DefaultBump is how far a restored namespace's revision is above that of its
// archive. Whatever was granted or seen after the archive was made has a lower one:
// tokens go on growing (promise R2), and who watches from there is told to begin anew.
const DefaultBump = 1_000_000_000

// Restore is an archive to be brought into a fresh namespace.
type Restore struct {
	Client *conclave.Client
	// Open opens the archive. It is read twice: what cannot be taken back is not begun
	// before all of it is known to be right.
	Open func() (io.ReadCloser, error)
	// Bump is added to the archive's revision; 1 or more.
	Bump int64
	Hold time.Duration
	// Report is as in Move.
	Report func(Report)
}

// Contents is what is in an archive.
type Contents struct {
	archive.Header
	archive.Summary
	// Sealed says that a SHA-256 follows it.
	Sealed bool

	leases []archive.Lease
}

// ReadContents reads an archive to its end, and checks all of it.
func ReadContents(open func() (io.ReadCloser, error), progress func(keys int64)) (Contents, error) {
	in, err := open()
	if err != nil {
		return Contents{}, err
	}
	defer func() { _ = in.Close() }()
	r, err := archive.NewReader(in)
	if err != nil {
		return Contents{}, err
	}
	var all Contents
	for {
		_, leases, err := r.Next()
		if errors.Is(err, io.EOF) {
			all.Header, all.Summary, all.Sealed = r.Header(), r.Summary(), r.Sealed()
			return all, nil
		}
		if err != nil {
			return Contents{}, err
		}
		all.leases = append(all.leases, leases...)
		progress(r.Summary().Keys)
	}
}

// Run restores the archive. When it fails it can be run again.
func (r Restore) Run(ctx context.Context) (Contents, Result, error) {
	contents, err := ReadContents(r.Open, func(int64) {})
	if err != nil {
		return contents, Result{}, err
	}
	destination := NewDestination(r.Client, contents.source(), r.Hold)
	status, err := destination.Begin(ctx)
	if err != nil {
		return contents, Result{}, err
	}
	revision := contents.Revision + r.Bump
	if status.Source != "" {
		if err := destination.checkMine(status); err != nil {
			return contents, Result{}, err
		}
		revision = max(revision, int64(status.Revision)) // begun before, perhaps with another bump
	}

	in, err := r.Open()
	if err != nil {
		return contents, Result{}, err
	}
	defer func() { _ = in.Close() }()
	reader, err := archive.NewReader(in)
	if err != nil {
		return contents, Result{}, err
	}
	report := Report{Stage: Copying, Total: contents.Keys, Revision: revision, Head: revision}
	from := &file{reader: reader, leases: contents.leases}
	_, err = destination.Copy(ctx, revision, Span{}, from, func(c Copied) {
		report.Done, report.Bytes = c.Keys, c.Bytes
		r.Report(report)
	})
	if err != nil {
		return contents, Result{}, err
	}
	result, err := r.compare(ctx, destination, contents)
	if err != nil {
		return contents, result, err
	}
	result.Leases = contents.Leases
	return contents, result, destination.LetGo(ctx, destination.heldLeases())
}

// source names an archive: the same one again is known by it.
func (c Contents) source() string {
	return fmt.Sprintf("archive %016x of revision %d", c.Digest, c.Revision)
}

// compare reads what was restored.
func (r Restore) compare(ctx context.Context, d *Destination, contents Contents) (Result, error) {
	revision := d.Revision()
	report := Report{Stage: Comparing, Total: contents.Keys, Revision: revision, Head: revision}
	sum, err := d.Digest(ctx, Span{}, revision, func(keys int64) {
		report.Done = keys
		r.Report(report)
	})
	if err != nil {
		return Result{}, err
	}
	if sum.Sum() != contents.Digest || sum.Count() != contents.Keys {
		return Result{}, &DifferentError{
			Revision: revision, There: contents.Keys, Here: sum.Count(), Origin: contents.Digest, Ours: sum.Sum(),
		}
	}
	return Result{Keys: sum.Count(), Revision: revision, Digest: sum.Sum()}, nil
}

// file is an archive as a source that is read once, from the beginning.
type file struct {
	reader *archive.Reader
	leases []archive.Lease
}

// Leases implements archive.Source.
func (f *file) Leases(context.Context, int64) ([]archive.Lease, bool, error) {
	return f.leases, false, nil
}

// Keys implements archive.Source. Blocks without keys are passed over.
func (f *file) Keys(ctx context.Context, _ []byte) ([]archive.Key, bool, error) {
	for {
		keys, _, err := f.reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, false, nil
		case err != nil:
			return nil, false, err
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		case len(keys) > 0:
			return keys, true, nil
		}
	}
}
