package feed

import (
	"context"
	"errors"

	"github.com/conclavehq/conclave/internal/planted"
)

// Poll returns what there is without waiting: the next part of the history that
// the watcher still needs, or what the feed has. The batch's revision tells how
// far the watcher is even when it has no events. more says that the watcher has
// not caught up: the next Poll may have something, too. Otherwise
// WatchRequest.Ready says when it may. An error ends the watch.
//
// It is for who serves many watchers with one goroutine. Next and Poll are not
// both used with one watcher.
func (w *Watcher) Poll() (batch WatchBatch, more bool, err error) {
	if !w.following {
		events, err := w.step(context.Background())
		return WatchBatch{Events: events, Revision: w.seen}, true, err
	}
	pending, ok, err := w.sub.Poll()
	switch {
	case errors.Is(err, ErrLagging) || errors.Is(err, ErrReset):
		w.following = false
		w.advance(pending.Revision)
		return WatchBatch{Revision: w.seen}, true, nil
	case err != nil:
		return WatchBatch{}, false, err
	case !ok:
		w.advance(pending.Revision)
		return WatchBatch{Revision: w.seen}, false, nil
	}
	events := w.fresh(pending)
	w.advance(pending.Revision)
	return WatchBatch{Events: w.wanted(events), Revision: w.seen}, false, nil
}

// Following says whether the watcher has caught up with what is committed here.
func (w *Watcher) Following() bool { return w.following }

// Began is the revision that the namespace had when the watch began. A watch
// without a start revision delivers what is later.
func (w *Watcher) Began() int64 { return w.began }

// Seen is the revision up to which everything was delivered, which is less than
// the one before the start while that lies in the future.
func (w *Watcher) Seen() int64 {
	if planted.Bug == planted.ProgressBeforeEvents && w.following {
		// mutant_13 (etcd #15220): the bookmark is what is committed, not what was
		// delivered; who resumes from it misses the rest.
		revision, _ := w.sub.feed.progress(w.request.Namespace)
		return max(w.seen, revision)
	}
	return w.seen
}

// Wanted is the first revision that was not delivered and is wanted.
func (w *Watcher) Wanted() int64 { return w.next }
