package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

const (
	// invalidWatch is the id in answers that are about no watch, or about all.
	invalidWatch = -1
	// maxStreamPending bounds, in bytes, what waits in memory for a client that
	// does not read. Beyond it the changes are read from disk again.
	maxStreamPending = 4 << 20
)

// The reasons that etcd gives when it does not begin a watch.
var (
	reasonNegative  = rpctypes.ErrCompacted.Error()
	reasonEmpty     = "mvcc: watcher range is empty"
	reasonDuplicate = "mvcc: duplicate watch ID provided on the WatchStream"
)

// watchStream is one open stream of watches.
//
//	receiver ─▶ requests ─┐
//	feed ─▶ ready sources ─┼─▶ run ─▶ the client
//	          the progress ┘
//
// One goroutine, the one of run, uses all of it but ready. While it sends to a
// client that does not read, changes wait in the feed's bounded buffers, and
// then on disk.
type watchStream struct {
	*Server
	where  cluster.Namespace
	send   func(*pb.WatchResponse) error
	budget *feed.Budget
	ready  readySources

	watches map[int64]*watch
	nextID  int64
	// told is how far the watch that was told of the latest change has seen.
	told    int64
	sources map[*source]struct{}
	// leads are the sources that others join when they have caught up.
	leads map[watchKind]*source
}

// watch is one watch of a stream.
type watch struct {
	id int64
	// least is the least revision that it may be told as progress: the one that was
	// asked for, and the one that it was told when it began.
	least int64
	// source is nil when the watch was ended by a compaction. Its id is free
	// again when the client has canceled it.
	source *source
	slot   int // in the source
	// from is the first revision that it is told of. Its source may tell others
	// of earlier ones.
	from     int64
	fragment bool
	// notify says that the watch is told how far it is when it saw nothing since
	// quiet was set.
	notify, quiet bool
}

func newWatchStream(s *Server, where cluster.Namespace, send func(*pb.WatchResponse) error) *watchStream {
	return &watchStream{
		Server: s,
		where:  where,
		send: func(res *pb.WatchResponse) error {
			if err := send(res); err != nil {
				return brokenStream{err}
			}
			return nil
		},
		budget:  feed.NewBudget(maxStreamPending),
		ready:   readySources{wake: make(chan struct{}, 1)},
		watches: make(map[int64]*watch),
		sources: make(map[*source]struct{}),
		leads:   make(map[watchKind]*source),
	}
}

func (w *watchStream) close() {
	for src := range w.sources {
		src.watcher.Close()
	}
}

// create begins a watch, and says so before anything else about it.
func (w *watchStream) create(ctx context.Context, req *pb.WatchCreateRequest) error {
	kind := kindOf(req)
	id := req.GetWatchId()
	switch {
	case req.GetStartRevision() < 0:
		return w.refuse(ctx, reasonNegative)
	case kind.empty():
		return w.refuse(ctx, reasonEmpty)
	case id != 0 && w.watches[id] != nil:
		return w.refuse(ctx, reasonDuplicate)
	case id == 0: // choose one
		for w.watches[w.nextID] != nil {
			w.nextID++
		}
		id = w.nextID
		w.nextID++
	}
	// As etcd does it, "now" is what this node has applied. It may be behind what
	// the client has seen on another node, whose later changes are told then:
	// more than was asked for, and never less. A read from the cluster would be
	// exact, and would make a watch wait for the others.
	src, err := w.begin(kind, req.GetStartRevision())
	if err != nil {
		return err
	}
	one := &watch{
		id: id, least: max(req.GetStartRevision(), src.watcher.Began()), fragment: req.GetFragment(),
		notify: req.GetProgressNotify(), quiet: true,
	}
	w.watches[id] = one
	src.add(one)
	w.ready.add(src)
	return w.send(&pb.WatchResponse{
		Header: w.header(w.where.Shard, src.watcher.Began()), WatchId: id, Created: true,
	})
}

// refuse says that a watch was not begun.
func (w *watchStream) refuse(ctx context.Context, reason string) error {
	header, err := w.now(ctx)
	if err != nil {
		return err
	}
	return w.send(&pb.WatchResponse{
		Header: header, WatchId: invalidWatch, Created: true, Canceled: true, CancelReason: reason,
	})
}

// cancel ends a watch. One that does not exist is ignored.
func (w *watchStream) cancel(ctx context.Context, id int64) error {
	one := w.watches[id]
	if one == nil {
		return nil
	}
	delete(w.watches, id)
	if src := one.source; src != nil {
		if src.remove(one); len(src.members) == 0 {
			w.drop(src)
		}
	}
	header, err := w.now(ctx)
	if err != nil {
		return err
	}
	return w.send(&pb.WatchResponse{Header: header, WatchId: id, Canceled: true})
}

// now is a header with the revision that this node has applied.
func (w *watchStream) now(ctx context.Context) (*pb.ResponseHeader, error) {
	// Any read tells it; this one touches nothing.
	_, answer, err := w.ask(ctx, true, &logv1.Query{Body: &logv1.Query_Range{
		Range: &logv1.Range{Key: []byte{0}, CountOnly: true},
	}})
	return w.header(w.where.Shard, answer.GetRevision()), err
}
