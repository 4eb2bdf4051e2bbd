package conclave

import (
	"context"
	"errors"
	"sync"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// doneEvery is of how many bytes of news a watch tells at a time that it is done
// with them. The node stops at 1 MiB that it does not know to be done.
const doneEvery = 128 << 10

// sharedWatch is one watch of a stream that many share. The stream's goroutine
// puts news in and never waits: the node sends no more than a watch has room for.
type sharedWatch struct {
	pipe *watchPipe
	id   uint64
	wake chan struct{} // holds a token when there may be something to take

	mu    sync.Mutex // protects what follows
	queue []*watchNews
	err   error // what comes after the queue

	// Of the goroutine that watches:
	taken  []*watchNews
	at     int
	owed   uint64 // for the news that next returned last
	spent  uint64 // the node does not know yet that this is done
	closed sync.Once
}

// put adds news, or the end.
func (w *sharedWatch) put(news *watchNews, err error) {
	w.mu.Lock()
	if w.err == nil {
		if news != nil {
			w.queue = append(w.queue, news)
		}
		w.err = err
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// next waits for news. It is done with what it returned before.
func (w *sharedWatch) next(ctx context.Context) (*watchNews, error) {
	if w.spent, w.owed = w.spent+w.owed, 0; w.spent >= doneEvery {
		w.pipe.send(&conclavev1.WatchCall{WatchId: w.id, Done: w.spent})
		w.spent = 0
	}
	for w.at == len(w.taken) {
		if err := w.refill(); err != nil {
			return nil, err
		}
		if len(w.taken) > 0 {
			break
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, ended(ctx)
		}
	}
	news := w.taken[w.at]
	w.taken[w.at] = nil
	w.at++
	w.owed = news.cost
	return news, ctx.Err()
}

// refill takes what has been put in.
func (w *sharedWatch) refill() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = 0
	w.taken, w.queue = w.queue, w.taken[:0]
	if len(w.taken) == 0 {
		return w.err
	}
	return nil
}

// close ends the watch.
func (w *sharedWatch) close() { w.closed.Do(func() { w.pipe.cancel(w.id) }) }

// wireError is the error of an answer in a pipeline as a call of its own would
// have had it.
func wireError(told *conclavev1.CallError) error {
	if told.GetInfo().GetReason() != conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return fromInfo(told.GetMessage(), told.GetInfo())
	}
	return connect.NewWireError(connect.Code(told.GetCode()), errors.New(told.GetMessage()))
}
