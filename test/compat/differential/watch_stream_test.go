package differential

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// watchStream is one stream of watches on one system. What arrives is sorted by
// watch id: a watch's own order is promised, the order between watches is not.
type watchStream struct {
	client pb.Watch_WatchClient
	end    context.CancelFunc
	// asked are the create requests that were sent, in order. Their answers come
	// in the same order.
	asked []*pb.WatchCreateRequest
	// watches are those that were created, by id, until a client cancels them.
	watches map[int64]*watch
	// items are what came and was not compared yet, by watch id.
	items map[int64][]*pb.WatchResponse
	// controls are the answers to creates and cancels that came. A watch that the
	// server ends because of a compaction answers nobody.
	controls []*pb.WatchResponse

	// news says that raw or ended have changed.
	news chan struct{}
	mu   struct {
		sync.Mutex
		raw   []*pb.WatchResponse
		ended error
	}
}

// watch is a watch as its client knows it.
type watch struct {
	*pb.WatchCreateRequest
	// seen is the newest revision that events were received of.
	seen int64
	// open is set while more of revision seen may follow, in another fragment.
	open bool
	// over is set when the server ended it.
	over bool
}

func openWatchStream(ctx context.Context, s *side) (*watchStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	client, err := pb.NewWatchClient(s.api).Watch(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &watchStream{
		client:  client,
		watches: make(map[int64]*watch),
		items:   make(map[int64][]*pb.WatchResponse),
		news:    make(chan struct{}, 1),
	}
	received := make(chan struct{})
	w.end = func() {
		cancel()
		<-received
	}
	go func() {
		defer close(received)
		w.receive()
	}()
	return w, nil
}

func (w *watchStream) receive() {
	for {
		m, err := w.client.Recv()
		w.mu.Lock()
		if err == nil {
			w.mu.raw = append(w.mu.raw, m)
		}
		w.mu.ended = err
		w.mu.Unlock()
		select {
		case w.news <- struct{}{}:
		default: // not yet heard of the last
		}
		if err != nil {
			return
		}
	}
}

var errLate = errors.New("nothing more came in time")

// await takes in what arrives until done says so.
func (w *watchStream) await(s *side, done func() bool) error {
	late := time.NewTimer(s.patience)
	defer late.Stop()
	for {
		ended := w.takeIn(s)
		if done() {
			return nil
		}
		if ended != nil {
			return fmt.Errorf("the watch stream ended: %w", ended)
		}
		select {
		case <-w.news:
		case <-late.C:
			return errLate
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// takeIn sorts what has arrived.
func (w *watchStream) takeIn(s *side) (ended error) {
	w.mu.Lock()
	raw, ended := w.mu.raw, w.mu.ended
	w.mu.raw = nil
	w.mu.Unlock()
	for _, m := range raw {
		w.sort(s, m)
	}
	return ended
}

func (w *watchStream) sort(s *side, m *pb.WatchResponse) {
	newest := m.GetHeader().GetRevision()
	s.normalizeMessage(m)
	id := m.GetWatchId()
	if m.GetCreated() {
		w.created(m)
	}
	at := w.watches[id]
	if m.GetCreated() || m.GetCanceled() || len(m.GetEvents()) == 0 {
		if at != nil && m.GetCanceled() {
			at.over = true
		}
		if m.GetCreated() || m.GetCanceled() && m.GetCompactRevision() == 0 {
			w.controls = append(w.controls, m)
		}
		w.items[id] = append(w.items[id], m)
		return
	}
	if at == nil {
		w.complain(id, "events of a watch that does not exist: {%s}", text(m))
		return
	}
	w.checkPacking(at, m, newest)
	for _, e := range m.GetEvents() {
		w.items[id] = append(w.items[id], &pb.WatchResponse{WatchId: id, Events: []*mvccpb.Event{e}})
	}
}

// created matches an answer with the oldest request that has none.
func (w *watchStream) created(m *pb.WatchResponse) {
	if len(w.asked) == 0 {
		w.complain(m.GetWatchId(), "a watch that nobody asked for was created: {%s}", text(m))
		return
	}
	request := w.asked[0]
	w.asked = w.asked[1:]
	if !m.GetCanceled() {
		w.watches[m.GetWatchId()] = &watch{WatchCreateRequest: request}
	}
}

// checkPacking demands what is promised of responses however events are packed
// into them: a revision comes whole, or in fragments to who asked for these; and
// the header is not older than the events.
func (w *watchStream) checkPacking(at *watch, m *pb.WatchResponse, newest int64) {
	first := m.GetEvents()[0].GetKv().GetModRevision()
	last := m.GetEvents()[len(m.GetEvents())-1].GetKv().GetModRevision()
	if first < at.seen || first == at.seen && !at.open {
		w.complain(m.GetWatchId(), "revision %d was split, repeated or late, after %d", first, at.seen)
	}
	if m.GetFragment() && !at.GetFragment() {
		w.complain(m.GetWatchId(), "a fragment for a watch that did not ask for fragments")
	}
	if newest < last {
		w.complain(m.GetWatchId(), "the header of revision %d is older than the event of %d", newest, last)
	}
	at.seen, at.open = last, m.GetFragment()
}

// complain files something that must not happen where it is compared, so that it
// is a difference.
func (w *watchStream) complain(id int64, format string, args ...any) {
	w.items[id] = append(w.items[id], &pb.WatchResponse{WatchId: id, CancelReason: "BROKEN PROMISE: " + fmt.Sprintf(format, args...)})
}
