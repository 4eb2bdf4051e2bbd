package conclave

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// watchStream is one watch at one node: over the stream that it shares with the
// others, or, where that does not work, over one of its own.
type watchStream struct {
	ctx      context.Context
	services *services
	req      *conclavev1.WatchRequest
	shared   *sharedWatch                                             // one of these
	own      *connect.ServerStreamForClient[conclavev1.WatchResponse] // two is there

	news *watchNews
	err  error
}

var _ incoming[watchNews] = (*watchStream)(nil)

// watchKeys opens a watch.
func (s *services) watchKeys(ctx context.Context, req *conclavev1.WatchRequest) (*watchStream, error) {
	w := &watchStream{ctx: ctx, services: s, req: req}
	if s.watches != nil {
		if w.shared = s.watches.open(req); w.shared != nil {
			context.AfterFunc(ctx, w.shared.close)
			return w, nil
		}
	}
	return w, w.openOwn()
}

func (w *watchStream) openOwn() (err error) {
	w.shared = nil
	w.own, err = w.services.Watch(w.ctx, w.req)
	return err
}

// Receive waits for the next message. It is false when there is none any more.
func (w *watchStream) Receive() bool {
	if w.shared != nil {
		w.news, w.err = w.shared.next(w.ctx)
		if !errors.Is(w.err, errNotPiped) {
			return w.err == nil
		}
		if w.err = w.openOwn(); w.err != nil {
			return false
		}
	}
	if !w.own.Receive() {
		w.err = w.own.Err()
		return false
	}
	w.news = newsFrom(w.own.Msg())
	return true
}

// Msg is the message that Receive waited for.
func (w *watchStream) Msg() *watchNews { return w.news }

// Err is why there is no next message.
func (w *watchStream) Err() error { return w.err }
