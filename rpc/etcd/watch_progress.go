package etcd

import (
	"math"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// tellProgress answers a request for progress, which is about all watches of the
// stream: they have seen everything up to a revision. There is no answer while
// one of them has not caught up, or begins in the future, or was ended by a
// compaction and not canceled by the client.
func (w *watchStream) tellProgress() error {
	if err := w.serveAll(); err != nil {
		return err
	}
	var revision, latest int64 = math.MaxInt64, 0
	watched := false
	for _, one := range w.watches {
		if one.source == nil || !one.source.watcher.Following() {
			return nil
		}
		watched = true
		revision = min(revision, one.source.watcher.Seen())
		latest = max(latest, one.start)
	}
	if !watched || revision < latest {
		return nil
	}
	return w.send(&pb.WatchResponse{Header: w.header(w.where.Shard, revision), WatchId: invalidWatch})
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
		if one.quiet && one.source != nil && one.source.watcher.Following() && one.source.watcher.Seen() >= one.start {
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
