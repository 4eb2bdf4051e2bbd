package conclave

import (
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
