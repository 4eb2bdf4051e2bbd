package migrate

import (
	"context"
	"io"
	"time"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

// Save writes an archive of the client's namespace as it is now.
func Save(ctx context.Context, client *conclave.Client, out io.Writer, program string, report func(Report)) (archive.Header, archive.Summary, error) {
	// The revision is that of the leases: both are of one moment then.
	first, err := client.ExportLeases(ctx, 0)
	if err != nil {
		return archive.Header{}, archive.Summary{}, err
	}
	cluster, _, err := client.Members(ctx)
	if err != nil {
		return archive.Header{}, archive.Summary{}, err
	}
	total, err := client.Range(ctx, "", conclave.WithPrefix(), conclave.CountOnly(), conclave.AtRevision(first.Revision))
	if err != nil {
		return archive.Header{}, archive.Summary{}, err
	}
	header := archive.Header{
		Cluster: cluster, Namespace: client.Namespace(), Revision: int64(first.Revision), Made: time.Now(), Program: program,
	}
	counted := &counting{
		Source: NewSource(client, Span{}, first.Revision),
		told:   Report{Stage: Saving, Total: total.Count, Revision: header.Revision, Head: header.Revision},
		report: report,
	}
	summary, err := archive.Write(ctx, out, header, counted)
	return header, summary, err
}

// counting is a source that reports what is read from it.
type counting struct {
	archive.Source
	told   Report
	report func(Report)
}

// Keys implements archive.Source.
func (c *counting) Keys(ctx context.Context, from []byte) ([]archive.Key, bool, error) {
	keys, more, err := c.Source.Keys(ctx, from)
	c.told.Done += int64(len(keys))
	for i := range keys {
		c.told.Bytes += int64(len(keys[i].Key) + len(keys[i].Value))
	}
	c.report(c.told)
	return keys, more, err
}
