package rpc

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// answers are replies that go to the outbox together, and the load that ends
// with them.
type answers struct {
	pipe    *pipe
	began   time.Time
	replies []conclavev1.Reply
	bytes   int // of the replies
	// calls and size are what the calls have counted as.
	calls, size int
}

func (p *pipe) answers(began time.Time, expect int) *answers {
	return &answers{pipe: p, began: began, replies: make([]conclavev1.Reply, 0, expect)}
}

// add answers a call.
func (a *answers) add(procedure *procedure, id uint64, size int, response proto.Message) {
	encoded, err := encodeResponse(response)
	if err != nil {
		a.fail(procedure, id, size, err)
		return
	}
	a.replies = append(a.replies, conclavev1.Reply{CallId: id, Response: encoded})
	a.account(procedure, id, size, len(encoded))
	procedure.ok(a.pipe.edge.metrics, a.began)
}

// fail answers a call with an error, in the terms of the unary path.
func (a *answers) fail(procedure *procedure, id uint64, size int, err error) {
	f := a.pipe.edge.explained(procedure.name, err)
	a.replies = append(a.replies, conclavev1.Reply{CallId: id, Error: &conclavev1.CallError{
		Code: uint32(f.status()), Message: f.message, Info: f.info,
	}})
	a.account(procedure, id, size, len(f.message))
	a.pipe.edge.metrics.unaryEnded(procedure.name, a.began, f.status().String())
}

func (a *answers) account(procedure *procedure, id uint64, size, bytes int) {
	if procedure.waits {
		a.pipe.waits.remove(id)
	}
	a.calls++
	a.size += size
	a.bytes += bytes
}

// encodeResponse encodes without reflection where the message can.
func encodeResponse(response proto.Message) ([]byte, error) {
	if m, ok := response.(wire.Message); ok {
		return wire.Append(nil, m)
	}
	data, err := proto.Marshal(response)
	if err != nil {
		return nil, fmt.Errorf("rpc: a response does not encode: %w", err)
	}
	return data, nil
}

// outbox holds answers until the writer sends them.
type outbox struct {
	mu     sync.Mutex
	change sync.Cond
	queue  []*answers
	bytes  int
	// closed says that nothing more comes, broken that nothing can be sent.
	closed, broken bool
}

func (o *outbox) init() { o.change.L = &o.mu }

// put adds answers. It waits while the caller has too many that it does not
// read. What is put into a broken or closed outbox is gone.
func (o *outbox) put(a *answers) {
	if len(a.replies) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > maxReplyBytes && !o.broken && !o.closed {
		o.change.Wait()
	}
	if o.broken || o.closed {
		return
	}
	o.queue = append(o.queue, a)
	o.bytes += a.bytes
	o.change.Broadcast()
}

// close lets the writer end when it has sent what is there.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.change.Broadcast()
}

func (o *outbox) fail() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken, o.queue = true, nil
	o.change.Broadcast()
}

// take waits for answers and returns what goes into the next message; nil at
// the end.
func (o *outbox) take() []*answers {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 && !o.closed && !o.broken {
		o.change.Wait()
	}
	n, bytes := 0, 0
	for n < len(o.queue) && (n == 0 || bytes+o.queue[n].bytes <= maxMessageBytes) {
		bytes += o.queue[n].bytes
		n++
	}
	taken := o.queue[:n:n]
	if o.queue = o.queue[n:]; len(o.queue) == 0 {
		o.queue = nil
	}
	o.bytes -= bytes
	if o.bytes+bytes > maxReplyBytes {
		o.change.Broadcast()
	}
	return taken
}

// write sends what is ready, all of it in one message, until the end.
func (p *pipe) write() {
	var response conclavev1.PipelineResponse
	for {
		taken := p.out.take()
		if len(taken) == 0 {
			return
		}
		clear(response.Replies)
		response.Replies = response.Replies[:0]
		calls, size := 0, 0
		for _, a := range taken {
			for i := range a.replies {
				response.Replies = append(response.Replies, &a.replies[i])
			}
			calls += a.calls
			size += a.size
		}
		if p.stream.Send(&response) != nil {
			p.out.fail()
			return
		}
		p.load.remove(calls, size)
	}
}

// load counts the calls of a stream that are not answered yet.
type load struct {
	mu           sync.Mutex
	room         sync.Cond
	calls, bytes int
	closed       bool
}

func (l *load) init() { l.room.L = &l.mu }

// add waits until there is room. It is false when the stream has ended.
func (l *load) add(calls, bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && l.calls > 0 && (l.calls+calls > maxPipedCalls || l.bytes+bytes > maxPipedBytes) {
		l.room.Wait()
	}
	l.calls += calls
	l.bytes += bytes
	return !l.closed
}

func (l *load) remove(calls, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls -= calls
	l.bytes -= bytes
	l.room.Signal()
}

func (l *load) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.room.Signal()
}
