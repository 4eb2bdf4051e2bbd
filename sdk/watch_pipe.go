package conclave

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// watchPipe carries the watches of keys at a node over one stream: what many of
// them are told alike comes, and is decoded, once. It lives like pipeline; a
// watch whose stream broke is opened again by its follow.
type watchPipe struct {
	client conclavev1connect.PipelineServiceClient
	owner  *connections
	wake   chan struct{} // holds a token when there may be something to send

	mu      sync.Mutex // protects what follows
	running bool
	closed  bool
	unary   time.Time // until then watches have streams of their own
	lastID  uint64
	queue   []*conclavev1.WatchCall
	watches map[uint64]*sharedWatch
}

// maxWatchCalls is how many calls a message takes, so that it stays below 4 MiB
// also when all of them have long keys.
const maxWatchCalls = 256

type watchManyStream = connect.BidiStreamForClientSimple[conclavev1.WatchManyRequest, conclavev1.WatchManyResponse]

func newWatchPipe(client conclavev1connect.PipelineServiceClient, owner *connections) *watchPipe {
	return &watchPipe{client: client, owner: owner, wake: make(chan struct{}, 1), watches: make(map[uint64]*sharedWatch)}
}

// open begins a watch; nil says that it needs a stream of its own.
func (p *watchPipe) open(req *conclavev1.WatchRequest) *sharedWatch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.unary.IsZero() && time.Now().Before(p.unary) {
		return nil
	}
	if !p.running {
		if p.running = p.owner.start(p.run); !p.running {
			return nil
		}
	}
	p.lastID++
	w := &sharedWatch{pipe: p, id: p.lastID, wake: make(chan struct{}, 1)}
	p.watches[w.id] = w
	p.sendLocked(&conclavev1.WatchCall{WatchId: w.id, Watch: req})
	return w
}

// cancel ends a watch.
func (p *watchPipe) cancel(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watches[id] != nil {
		delete(p.watches, id)
		p.sendLocked(&conclavev1.WatchCall{WatchId: id, Cancel: true})
	}
}

// send tells the node something of a watch that is open.
func (p *watchPipe) send(call *conclavev1.WatchCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watches[call.GetWatchId()] != nil {
		p.sendLocked(call)
	}
}

func (p *watchPipe) sendLocked(call *conclavev1.WatchCall) {
	p.queue = append(p.queue, call)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run keeps a stream open while there are watches, until the client is closed.
func (p *watchPipe) run() {
	for {
		select {
		case <-p.wake:
		case <-p.owner.ctx.Done():
			p.mu.Lock()
			p.closed = true
			p.mu.Unlock()
			p.fail(ErrClosed)
			return
		}
		if p.wanted() {
			p.converse()
		}
	}
}

// wanted reports whether there are watches. Without, there is nothing to tell a
// node over a new stream.
func (p *watchPipe) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.watches) == 0 {
		p.queue = nil
	}
	return len(p.watches) > 0
}

// converse opens a stream and uses it until it breaks.
func (p *watchPipe) converse() {
	ctx, cancel := context.WithCancel(p.owner.ctx)
	defer cancel()
	stream, err := p.client.WatchMany(ctx)
	if err == nil {
		err = stream.Send(nil) // the headers alone
	}
	if err != nil {
		p.unopened(err)
		return
	}
	greeted, over := make(chan struct{}), make(chan error, 1)
	go func() {
		over <- p.receive(stream, greeted)
		cancel() // what ends transmit
	}()
	patience := time.NewTimer(p.owner.dialTimeout)
	defer patience.Stop()
	fate := p.unopened
	select {
	case <-greeted:
		p.transmit(ctx, stream)
		fate = p.fail
	case <-ctx.Done():
	case <-patience.C:
	}
	cancel()
	_ = stream.CloseRequest() // else the transport does not notice the cancel
	err = <-over
	_ = stream.CloseResponse()
	fate(err)
}

// unopened decides what becomes of watches when there was no greeting, as the
// pipeline does.
func (p *watchPipe) unopened(err error) {
	e := fromWire(err)
	switch {
	case p.owner.ctx.Err() != nil:
		p.fail(ErrClosed)
	case e.Reason == reasonShuttingDown, e.Reason == reasonUnavailable && e.harmless() && !e.foreign:
		p.fail(e)
	default:
		p.mu.Lock()
		p.unary = time.Now().Add(unaryFor)
		p.mu.Unlock()
		p.fail(errNotPiped)
	}
}

// fail ends all watches.
func (p *watchPipe) fail(err error) {
	if p.owner.ctx.Err() != nil {
		err = ErrClosed
	}
	p.mu.Lock()
	over := p.watches
	p.watches, p.queue = make(map[uint64]*sharedWatch), nil
	p.mu.Unlock()
	for _, w := range over {
		w.put(nil, err)
	}
}

// transmit sends what is queued, all of it in one message, until the stream ends.
func (p *watchPipe) transmit(ctx context.Context, stream *watchManyStream) {
	for {
		p.mu.Lock()
		calls := p.queue
		p.queue = nil
		p.mu.Unlock()
		for part := range slices.Chunk(calls, maxWatchCalls) {
			if stream.Send(&conclavev1.WatchManyRequest{Calls: part}) != nil {
				return
			}
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		runtime.Gosched() // as the pipeline does
	}
}

// receive hands the news out until the stream ends. The first message is the
// greeting.
func (p *watchPipe) receive(stream *watchManyStream, greeted chan<- struct{}) error {
	if _, err := stream.Receive(); err != nil {
		return err
	}
	close(greeted)
	for {
		response, err := stream.Receive()
		if err != nil {
			return err
		}
		for _, told := range response.GetNews() {
			if err := p.handOut(told); err != nil {
				return err
			}
		}
	}
}

// handOut gives news to the watches that it is for.
func (p *watchPipe) handOut(told *conclavev1.WatchNews) error {
	var news *watchNews
	var end error
	if told.GetError() != nil {
		end = wireError(told.GetError())
	} else {
		var res conclavev1.WatchResponse
		if err := res.UnmarshalVT(told.GetResponse()); err != nil {
			return connect.NewError(connect.CodeInternal, err)
		}
		news = newsFrom(&res)
		news.cost = told.GetCost()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range told.GetWatchIds() {
		w := p.watches[id]
		if w == nil {
			continue // it was given up
		}
		if end != nil {
			delete(p.watches, id)
		}
		w.put(news, end)
	}
	return nil
}
