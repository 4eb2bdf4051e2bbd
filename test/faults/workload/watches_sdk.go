package workload

import (
	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// followSDK watches with the SDK until it ends, and returns why.
func (w *watching) followSDK() error {
	op := history.Op{Key: w.r.Key, End: w.r.End}
	opts := spanOptions[conclave.WatchOption](&op)
	if w.r.From > 0 {
		opts = append(opts, conclave.FromRevision(conclave.Revision(w.r.From)))
	}
	if w.r.Filter&history.NoPuts != 0 {
		opts = append(opts, conclave.WithoutPuts())
	}
	if w.r.Filter&history.NoDeletes != 0 {
		opts = append(opts, conclave.WithoutDeletes())
	}
	if w.r.Previous {
		opts = append(opts, conclave.WithPrevious())
	}
	if w.every > 0 {
		opts = append(opts, conclave.WithProgress(w.every))
	}
	return w.follow(w.client.sdk.Watch(w.ctx, w.r.Key, opts...))
}
