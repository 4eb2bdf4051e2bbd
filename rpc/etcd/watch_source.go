package etcd

import (
	"errors"
	"sort"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/conclavehq/conclave/statemachine/feed"
)

// source is where watches of a stream that are told the same get it from. A
// watch begins with a source of its own, which may have to read history, and
// joins the one of its kind that has caught up before:
//
//	reading ──caught up──▶ leads its kind, or its watches join who does
//	   ▲                        │
//	   └──── the feed went on ──┘
type source struct {
	kind    watchKind
	watcher *feed.Watcher // nil when it is closed
	members []*watch
	queued  bool // guarded by readySources.mu
}

func (src *source) add(one *watch) {
	one.source, one.slot = src, len(src.members)
	src.members = append(src.members, one)
}

func (src *source) remove(one *watch) {
	last := len(src.members) - 1
	src.members[one.slot] = src.members[last]
	src.members[one.slot].slot = one.slot
	src.members[last] = nil
	src.members, one.source = src.members[:last], nil
}

// begin makes a source that tells from a revision on, or from now on.
func (w *watchStream) begin(kind watchKind, start int64) (*source, error) {
	src := &source{kind: kind}
	var err error
	src.watcher, err = w.cluster.Watch(w.where.Shard, feed.WatchRequest{
		Namespace:     w.where.ID,
		Key:           []byte(kind.key),
		RangeEnd:      []byte(kind.end),
		StartRevision: start,
		PrevKV:        kind.prevKV,
		NoPut:         kind.noPut,
		NoDelete:      kind.noDelete,
		Ready:         func() { w.ready.add(src) },
		Budget:        w.budget,
	})
	if err != nil {
		return nil, err
	}
	w.sources[src] = struct{}{}
	return src, nil
}

// drop ends a source that has no watches any more.
func (w *watchStream) drop(src *source) {
	if w.leads[src.kind] == src {
		delete(w.leads, src.kind)
	}
	delete(w.sources, src)
	src.watcher.Close()
	src.watcher = nil
}

// serve tells the watches of a source the next part of what there is.
func (w *watchStream) serve(src *source) error {
	if src.watcher == nil {
		return nil
	}
	batch, more, err := src.watcher.Poll()
	if err != nil {
		return w.fail(src, err)
	}
	if err := w.deliver(src, batch); err != nil {
		return err
	}
	if len(batch.Events) > 0 {
		w.told = max(w.told, src.watcher.Seen())
	}
	if more {
		w.ready.add(src)
	} else {
		w.settle(src)
	}
	return nil
}

// settle has the watches of a source that has caught up join those of the same
// kind, unless these have come further: they may have read from disk what the
// feed is about to tell. Then the next change decides. A source that begins in
// the future tells nothing until then, so nobody joins it.
func (w *watchStream) settle(src *source) {
	lead, wanted := w.leads[src.kind], src.watcher.Wanted()
	switch {
	case lead == nil && wanted == src.watcher.Seen()+1:
		w.leads[src.kind] = src
	case lead == nil, lead == src, lead.watcher.Wanted() > wanted:
	default:
		for _, one := range src.members {
			one.from = max(one.from, wanted)
			lead.add(one)
		}
		src.members = nil
		w.drop(src)
	}
}

// fail ends a source. When the changes that it needs next are forgotten, so do
// its watches, but for those that do not need them: they begin again.
func (w *watchStream) fail(src *source, err error) error {
	compacted, ok := errors.AsType[*feed.CompactedError](err)
	if !ok {
		return err
	}
	members, wanted := src.members, src.watcher.Wanted()
	src.members = nil
	w.drop(src)
	for _, one := range members {
		if needs := max(one.from, wanted); needs >= compacted.Revision {
			again, err := w.begin(src.kind, needs)
			if err != nil {
				return err
			}
			again.add(one)
			w.ready.add(again)
			continue
		}
		one.source = nil
		if err := w.send(&pb.WatchResponse{
			Header: w.header(w.where.Shard, 0), WatchId: one.id, Canceled: true, CompactRevision: compacted.Revision,
		}); err != nil {
			return err
		}
	}
	return nil
}

// deliver sends changes to the watches of a source.
func (w *watchStream) deliver(src *source, batch feed.WatchBatch) error {
	for rest := batch.Events; len(rest) > 0; {
		page, revision := firstRevisions(rest, batch.Revision)
		rest = rest[len(page):]
		header, events := w.header(w.where.Shard, revision), watchEvents(page)
		for _, one := range src.members {
			own := since(events, one.from)
			if len(own) == 0 {
				continue
			}
			one.quiet = false
			res := &pb.WatchResponse{Header: header, WatchId: one.id, Events: own}
			send := w.send
			if one.fragment {
				send = w.sendFragments
			}
			if err := send(res); err != nil {
				return err
			}
		}
	}
	return nil
}

// since leaves out what is before a revision.
func since(events []*mvccpb.Event, revision int64) []*mvccpb.Event {
	if events[0].GetKv().GetModRevision() >= revision {
		return events
	}
	return events[sort.Search(len(events), func(i int) bool { return events[i].GetKv().GetModRevision() >= revision }):]
}
