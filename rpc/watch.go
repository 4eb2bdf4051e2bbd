package rpc

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// pollGrace is how long a PollWatch that does not wait may read history.
const pollGrace = 20 * time.Millisecond

type watchHandler struct{ *core }

func (h watchHandler) Watch(ctx context.Context, req *conclavev1.WatchRequest, stream *connect.ServerStream[conclavev1.WatchResponse]) error {
	if err := checkWatch(req); err != nil {
		return err
	}
	return h.watch(ctx, req, stream.Send)
}

func checkWatch(req *conclavev1.WatchRequest) error {
	return asked(req, func(c *check) {
		c.span(req.GetSpan())
		c.revision("start_revision", req.GetStartRevision())
		c.duration("progress_every", req.GetProgressEvery(), minProgress, maxProgress)
		if req.GetNoPuts() && req.GetNoDeletes() {
			c.invalid("no_puts", "and no_deletes together leave nothing to watch")
		}
	})
}

func (h watchHandler) watch(ctx context.Context, req *conclavev1.WatchRequest, send func(*conclavev1.WatchResponse) error) error {
	where, err := h.cluster.Namespace(ctx, req.GetNamespace())
	if err != nil {
		return unanswered(ctx, err)
	}
	ctx, done := h.leaders.while(ctx, where.Shard)
	defer done()
	watcher, err := h.begin(ctx, where, feedRequest(req))
	if err != nil {
		return unanswered(ctx, err)
	}
	defer watcher.Close()
	// The caller knows now from where on it sees everything.
	told := watcher.Progress()
	if err := send(&conclavev1.WatchResponse{Revision: told}); err != nil {
		return err
	}

	for {
		batch, quiet, err := nextChanges(ctx, watcher, req.GetProgressEvery().AsDuration())
		switch {
		case err != nil:
			return unanswered(ctx, err)
		case !quiet:
			told = batch.Revision
			err = pack(batch.Events, batch.Revision, send)
		case watcher.Progress() > told:
			told = watcher.Progress()
			err = send(&conclavev1.WatchResponse{Revision: told})
		default: // the same bookmark again: the connection lives
			err = send(&conclavev1.WatchResponse{Revision: told})
		}
		if err != nil {
			return err
		}
	}
}

func feedRequest(req *conclavev1.WatchRequest) feed.WatchRequest {
	key, end := keyRange(req.GetSpan())
	return feed.WatchRequest{
		Key:           key,
		RangeEnd:      end,
		StartRevision: req.GetStartRevision(),
		PrevKV:        req.GetPrevious(),
		NoPut:         req.GetNoPuts(),
		NoDelete:      req.GetNoDeletes(),
	}
}

// begin begins a watch. From "now" means from what the whole cluster has
// acknowledged: this node may be behind what the caller has seen elsewhere.
func (h watchHandler) begin(ctx context.Context, where cluster.Namespace, watch feed.WatchRequest) (*feed.Watcher, error) {
	if watch.StartRevision == 0 {
		current, err := h.currentRevision(ctx, where, linearizable)
		if err != nil {
			return nil, err
		}
		watch.StartRevision = current + 1
	}
	watch.Namespace = where.ID
	return h.cluster.Watch(where.Shard, watch)
}

// currentRevision is the revision that a namespace has reached.
func (s *core) currentRevision(ctx context.Context, where cluster.Namespace, read cluster.ReadOptions) (int64, error) {
	// Any read tells it; this one touches nothing.
	answer, err := s.ask(ctx, where, read, &logv1.Query{Body: &logv1.Query_Range{
		Range: &logv1.Range{Key: []byte{0}, CountOnly: true},
	}})
	return answer.GetRevision(), err
}

// nextChanges waits for changes; quiet is true when there were none for a
// while. A while of 0 is for ever.
func nextChanges(ctx context.Context, watcher *feed.Watcher, while time.Duration) (batch feed.WatchBatch, quiet bool, err error) {
	if while <= 0 {
		batch, err = watcher.Next(ctx)
		return batch, false, err
	}
	bounded, cancel := context.WithTimeout(ctx, while)
	defer cancel()
	batch, err = watcher.Next(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return batch, true, nil
	}
	return batch, false, err
}

func (h watchHandler) PollWatch(ctx context.Context, req *conclavev1.PollWatchRequest) (*conclavev1.PollWatchResponse, error) {
	err := asked(req, func(c *check) {
		c.span(req.GetSpan())
		c.revision("start_revision", req.GetStartRevision())
		c.wait(req.GetWait(), false)
	})
	if err != nil {
		return nil, err
	}
	ctx, done := h.waiting(ctx)
	defer done()

	where, err := h.cluster.Namespace(ctx, req.GetNamespace())
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	ctx, released := h.leaders.while(ctx, where.Shard)
	defer released()
	key, end := keyRange(req.GetSpan())
	watcher, err := h.begin(ctx, where, feed.WatchRequest{
		Key:           key,
		RangeEnd:      end,
		StartRevision: req.GetStartRevision(),
		PrevKV:        req.GetPrevious(),
	})
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	defer watcher.Close()

	batch, quiet, err := nextChanges(ctx, watcher, max(req.GetWait().AsDuration(), pollGrace))
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	if quiet {
		seen := watcher.Progress()
		return &conclavev1.PollWatchResponse{Revision: seen, NextRevision: max(seen+1, req.GetStartRevision())}, nil
	}
	events, revision := firstPage(batch.Events, batch.Revision)
	return &conclavev1.PollWatchResponse{
		Revision:     revision,
		Events:       each(events, kvEvent),
		NextRevision: revision + 1,
	}, nil
}
