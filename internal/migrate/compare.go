package migrate

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// DifferentError says that the two sides are not the same in the end.
type DifferentError struct {
	Revision     int64
	There, Here  int64 // keys
	Origin, Ours uint64
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("the two sides differ at revision %d: %d keys with digest %016x there, %d with %016x here; delete the namespace and import into a fresh one",
		e.Revision, e.There, e.Origin, e.Here, e.Ours)
}

// compare reads both sides at the revision that has been reached.
func (m Move) compare(ctx context.Context, result *Result) error {
	revision := m.Destination.Revision()
	total, err := m.Origin.Count(ctx, revision)
	if err != nil {
		return err
	}
	report := Report{Stage: Comparing, Total: 2 * total, Revision: revision, Head: revision}
	done := make(chan int64)
	group, reading := errgroup.WithContext(ctx)
	tell := func() func(int64) {
		last := int64(0)
		return func(keys int64) {
			select {
			case done <- keys - last:
			case <-reading.Done():
			}
			last = keys
		}
	}
	there, here := tell(), tell()
	var origin, ours uint64
	var originKeys, ourKeys int64
	group.Go(func() error {
		sum, err := digest(reading, m.Origin.At(revision), there)
		origin, originKeys = sum.Sum(), sum.Count()
		return err
	})
	group.Go(func() error {
		sum, err := m.Destination.Digest(reading, m.Span, revision, here)
		ours, ourKeys = sum.Sum(), sum.Count()
		return err
	})
	ended := make(chan error, 1)
	go func() {
		ended <- group.Wait()
		close(done)
	}()
	for n := range done {
		report.Done += n
		m.Report(report)
	}
	if err := <-ended; err != nil {
		return err
	}
	if origin != ours || originKeys != ourKeys {
		return &DifferentError{Revision: revision, There: originKeys, Here: ourKeys, Origin: origin, Ours: ours}
	}
	result.Keys, result.Revision, result.Digest = ourKeys, revision, ours
	return nil
}
