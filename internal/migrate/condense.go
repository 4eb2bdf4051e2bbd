package migrate

import (
	"context"
	"fmt"
	"slices"

	conclave "github.com/conclavehq/conclave/sdk"
)

// condensed is a revision that is too large for a request because it deletes a great
// many keys: it names ranges of them instead.
func (d *Destination) condensed(ctx context.Context, revision conclave.ImportedRevision) (conclave.ImportedRevision, error) {
	gone := make(map[string]bool)
	var keys []string
	out := conclave.ImportedRevision{Revision: revision.Revision}
	for _, change := range revision.Changes {
		if change.Put != nil {
			out.Changes = append(out.Changes, change)
			continue
		}
		gone[change.Delete] = true
		keys = append(keys, change.Delete)
	}
	if len(keys) > 0 {
		deletes, err := d.ranges(ctx, gone, Span{From: slices.Min(keys), To: slices.Max(keys) + "\x00"})
		if err != nil {
			return out, err
		}
		out.Changes = append(out.Changes, deletes...)
	}
	if size := sizeOf(out); size > maxRequestBytes {
		return out, fmt.Errorf("revision %d changed too many keys at once for one commit (%d bytes); run the command again, and it copies anew from a later revision",
			revision.Revision, size)
	}
	return out, nil
}

// ranges finds the runs of keys that follow each other and all go.
func (d *Destination) ranges(ctx context.Context, gone map[string]bool, span Span) ([]conclave.ImportedChange, error) {
	var changes []conclave.ImportedChange
	running := false
	for from, more := span.From, true; more; {
		page, err := d.client.ExportKeys(ctx, from, span.To, d.at, true)
		if err != nil {
			return nil, err
		}
		for _, kv := range page.Keys {
			switch {
			case !gone[kv.Key]:
				running = false
			case !running:
				changes = append(changes, conclave.ImportedChange{Delete: kv.Key, To: kv.Key + "\x00", Count: 1})
				running = true
			default:
				last := &changes[len(changes)-1]
				last.To, last.Count = kv.Key+"\x00", last.Count+1
			}
			from = kv.Key + "\x00"
		}
		more = page.More
	}
	return changes, nil
}
