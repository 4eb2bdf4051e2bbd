package differential

import pb "go.etcd.io/etcd/api/v3/etcdserverpb"

func (g *generator) stream() int { return g.IntN(g.script.streams) }

func (g *generator) watch() {
	key := g.key()
	r := &pb.WatchCreateRequest{
		Key:            key,
		RangeEnd:       g.rangeEnd(key),
		ProgressNotify: g.one(4),
		PrevKv:         g.one(2),
		Fragment:       g.one(4),
	}
	if !g.one(3) {
		r.StartRevision = g.revision()
	}
	if g.one(6) { // soon
		r.StartRevision = atHead + int64(g.IntN(20))
	}
	for range g.IntN(12) - 9 {
		r.Filters = append(r.Filters, pb.WatchCreateRequest_FilterType(g.IntN(2)))
	}
	if g.one(50) {
		r.Filters = append(r.Filters, 2)
	}
	if g.one(3) {
		r.WatchId = g.watchID()
	}
	g.create(r)
}

func (g *generator) create(r *pb.WatchCreateRequest) {
	o := operation{
		request: &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r}},
		stream:  g.stream(),
	}
	if g.one(10) {
		o.times = 2 + g.IntN(2)
	}
	g.addTo(o)
}

// watchID is one that a server is likely to choose, too, or is free to be chosen.
// Not -1: that is where etcd puts what concerns no watch.
func (g *generator) watchID() int64 {
	if g.one(20) {
		return some[int64](g, -2, 1<<35)
	}
	return int64(g.IntN(9))
}

func (g *generator) cancelWatch() {
	r := &pb.WatchCancelRequest{WatchId: g.watchID()}
	g.addTo(operation{
		request: &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: r}},
		stream:  g.stream(),
	})
}

func (g *generator) progress() {
	g.addTo(operation{
		request: &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}},
		stream:  g.stream(),
	})
}
