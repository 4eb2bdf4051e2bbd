package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// ErrNamespaceDropped ends the watches of a namespace that was deleted.
var ErrNamespaceDropped = errors.New("feed: the namespace was deleted")

// CompactedError says that changes which a watcher still had to see are
// forgotten. The client reads the keys and watches from there.
type CompactedError struct {
	// Revision is the first one that a watch can start from.
	Revision int64
}

func (e *CompactedError) Error() string {
	return fmt.Sprintf("changes before revision %d are compacted", e.Revision)
}

// WatchRequest says which changes of which keys a watcher wants.
type WatchRequest struct {
	Namespace uint32
	// Key and RangeEnd are as in KV.
	Key, RangeEnd []byte
	// StartRevision is the first revision whose changes are wanted; 0: the next
	// one.
	StartRevision int64
	// PrevKV asks for the versions before, as far as they are not compacted.
	PrevKV bool
	// NoPut and NoDelete leave changes of a type out.
	NoPut, NoDelete bool

	// Ready, if it is set, is called whenever Poll may have something; Next is
	// not used then. It must not block, nor call the feed: a commit waits for it.
	Ready func()
	// Budget bounds what is pending together with others; nil: nothing does.
	Budget *Budget
}

// WatchBatch is the changes of one or more whole revisions, in order.
type WatchBatch struct {
	// Events are shared: read only.
	Events []*logv1.KVEvent
	// Revision up to which the watcher has everything.
	Revision int64
}

// History reads committed changes from disk.
type History interface {
	// Head returns a namespace's revision, or ErrNamespaceDropped.
	Head(namespace uint32) (int64, error)
	// Changes returns changes from the revision from on, all those of each
	// revision that it returns any of: as many as are sensible in one go. It
	// fails with a CompactedError or with ErrNamespaceDropped.
	Changes(req WatchRequest, from int64) (Changes, error)
}

// Changes are a part of the history.
type Changes struct {
	Events []*logv1.KVEvent
	// Through is the last revision that the part covers and Head the
	// namespace's revision when it was read.
	Through, Head int64
}

// Watcher delivers the changes of keys in order, each once, without gaps,
// revisions whole (promise D4). It reads history from disk until it has caught
// up, and follows the feed from there; when it is too slow for the feed, or the
// replica's state was replaced, it goes back to the disk.
//
//	           caught up
//	reading ──────────────▶ following
//	   ▲                        │
//	   └────────────────────────┘
//	     ErrLagging, ErrReset
//
// The subscription is older than any view of the disk that the watcher takes,
// so whatever is too new for the view is pending on the subscription; what is
// in both is dropped by its revision. One goroutine uses a Watcher.
type Watcher struct {
	request WatchRequest
	history History
	sub     *Subscription

	// next is the first revision to deliver, seen the last one that is
	// delivered whole. next is beyond seen + 1 when it lies in the future.
	next, seen int64
	began      int64
	following  bool
	// stash was taken from the subscription by Progress.
	stash *Batch
}

// Watch begins a watch.
func (f *Feed) Watch(history History, req WatchRequest) (*Watcher, error) {
	w := &Watcher{request: req, history: history}
	w.sub = f.subscribe(&Subscription{
		filter: KV(req.Namespace, req.Key, req.RangeEnd), ready: req.Ready, budget: req.Budget,
	})
	head, err := history.Head(req.Namespace)
	if err != nil {
		w.sub.Close()
		return nil, err
	}
	w.next = req.StartRevision
	if w.next <= 0 {
		w.next = head + 1
	}
	w.began, w.seen = head, min(w.next-1, head)
	w.following = w.next > head // there is nothing to read
	return w, nil
}

// Next waits until there are changes and returns them. An error other than the
// context's ends the watch.
func (w *Watcher) Next(ctx context.Context) (WatchBatch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return WatchBatch{}, err
		}
		events, err := w.step(ctx)
		if err != nil {
			return WatchBatch{}, err
		}
		if len(events) > 0 {
			return WatchBatch{Events: events, Revision: w.seen}, nil
		}
	}
}

// CatchUp reads the next part of the history that the watcher still needs, and
// waits for nothing new. It says whether the watcher has caught up: then there
// are no events, and Next goes on.
func (w *Watcher) CatchUp() (batch WatchBatch, caughtUp bool, err error) {
	for !w.following {
		events, err := w.step(context.Background())
		if err != nil {
			return WatchBatch{}, false, err
		}
		if len(events) > 0 {
			return WatchBatch{Events: events, Revision: w.seen}, false, nil
		}
	}
	return WatchBatch{Revision: w.seen}, w.next <= w.seen+1, nil
}

// Progress returns the revision up to which the watcher has delivered
// everything: a bookmark, from which the watch can be resumed at + 1.
func (w *Watcher) Progress() int64 {
	if planted.Bug == planted.ProgressBeforeEvents {
		return w.Seen()
	}
	if !w.following || w.stash != nil {
		return w.seen
	}
	batch, ok, err := w.sub.Poll()
	switch {
	case err != nil:
		w.following = false // a closed subscription fails again in Next
		w.advance(batch.Revision)
	case ok && len(w.fresh(batch)) > 0:
		w.stash = &batch
	default:
		w.advance(batch.Revision)
	}
	return w.seen
}

// Close ends the watch; a Next that waits returns ErrClosed.
func (w *Watcher) Close() { w.sub.Close() }

// step reads the next part from the disk or from the feed.
func (w *Watcher) step(ctx context.Context) ([]*logv1.KVEvent, error) {
	if w.following {
		return w.follow(ctx)
	}
	part, err := w.history.Changes(w.request, w.next)
	if err != nil {
		return nil, err
	}
	w.advance(part.Through)
	w.following = part.Through >= part.Head
	return w.wanted(part.Events), nil
}

// follow takes what is pending on the subscription.
func (w *Watcher) follow(ctx context.Context) ([]*logv1.KVEvent, error) {
	batch, err := w.take(ctx)
	if errors.Is(err, ErrLagging) || errors.Is(err, ErrReset) {
		w.following = false
		w.advance(batch.Revision)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	events := w.fresh(batch)
	w.advance(batch.Revision)
	return w.wanted(events), nil
}

// fresh returns the changes that were not read from disk already.
func (w *Watcher) fresh(batch Batch) (events []*logv1.KVEvent) {
	for _, event := range batch.Events {
		if event.GetRevision() >= w.next {
			events = append(events, event.GetKv())
		}
	}
	return events
}

func (w *Watcher) take(ctx context.Context) (Batch, error) {
	if batch := w.stash; batch != nil {
		w.stash = nil
		return *batch, nil
	}
	return w.sub.Next(ctx)
}

// advance notes that everything up to a revision is delivered.
func (w *Watcher) advance(revision int64) {
	w.seen = max(w.seen, revision)
	w.next = max(w.next, revision+1)
}

// wanted drops what the request filters out, and versions before unless they
// are asked for. It may reuse the slice, but leaves the events alone.
func (w *Watcher) wanted(events []*logv1.KVEvent) []*logv1.KVEvent {
	kept := events[:0]
	var bare []logv1.KVEvent // room for all, so that not each one is allocated
	for i, event := range events {
		put := event.GetType() == logv1.KVEvent_TYPE_PUT
		if put && w.request.NoPut || !put && w.request.NoDelete {
			continue
		}
		if !w.request.PrevKV && event.GetPrevious() != nil {
			if bare == nil {
				bare = make([]logv1.KVEvent, len(events)-i)
			}
			bare[0].Type, bare[0].Kv = event.GetType(), event.GetKv()
			event, bare = &bare[0], bare[1:]
		}
		kept = append(kept, event)
	}
	return kept
}
