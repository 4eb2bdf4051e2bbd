package etcd

import (
	"math"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// tellProgress answers a request for progress, which is about all watches of the
// stream: they have seen everything up to a revision. There is no answer while
// one of them has not caught up, or begins in the future, or was ended by a
// compaction and not canceled by the client.
//
// While one watch is served the next change may come, and the watch after it is told
// of that one already; and one that has just begun may know of a commit of which the
// others will be told at once. Progress does not go back behind it: all are served once
// more.
func (w *watchStream) tellProgress() error {
	for range progressRounds {
		if err := w.serveAll(); err != nil {
			return err
		}
		revision, least, ok := w.progress()
		if !ok {
			return nil
		}
		if revision >= max(w.told, least) {
			return w.send(&pb.WatchResponse{Header: w.header(w.where.Shard, revision), WatchId: invalidWatch})
		}
	}
	return nil
}

// progressRounds is how often the watches are served until all of them are as far as
// the furthest. A round takes microseconds, and commits come every few milliseconds.
const progressRounds = 20

// progress is the revision up to which all watches have seen everything, and the least
// that may be told to all of them.
func (w *watchStream) progress() (revision, least int64, ok bool) {
	revision = math.MaxInt64
	for _, one := range w.watches {
		if one.source == nil || !one.source.watcher.Following() {
			return 0, 0, false
		}
		revision = min(revision, one.source.watcher.Seen())
		least = max(least, one.least)
	}
	return revision, least, len(w.watches) > 0
}

// notifyProgress tells the watches that asked for it, and saw nothing since it
// was called last, how far they are.
func (w *watchStream) notifyProgress() error {
	var asked []*watch
	for _, one := range w.watches {
		if one.notify && one.source != nil {
			asked = append(asked, one)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	if err := w.serveAll(); err != nil {
		return err
	}
	for _, one := range asked {
		if one.quiet && one.source != nil && one.source.watcher.Following() && one.source.watcher.Seen() >= one.least {
			header := w.header(w.where.Shard, one.source.watcher.Seen())
			if err := w.send(&pb.WatchResponse{Header: header, WatchId: one.id}); err != nil {
				return err
			}
		}
		one.quiet = true
	}
	return nil
}

// serveAll tells all watches what there is.
func (w *watchStream) serveAll() error {
	for src := range w.sources {
		if err := w.serve(src); err != nil {
			return err
		}
	}
	return nil
}
