package rpc

import (
	"sync"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// outbox holds answers until they are sent.
type outbox struct {
	mu     sync.Mutex
	change sync.Cond
	queue  []*answers
	bytes  int
	// sending says that somebody has the stream.
	sending bool
	// asked says that the caller wants to hear something, if it is nothing.
	asked bool
	// closed says that nothing more comes, broken that nothing can be sent.
	closed, broken bool

	response conclavev1.PipelineResponse // for who sends
}

func (o *outbox) init() { o.change.L = &o.mu }

// put adds answers. It waits while the caller has too many that it does not
// read. What is put into a broken or closed outbox is gone. It returns what is
// to be sent by whoever called, which has the stream then; nil when that is
// somebody else's.
func (o *outbox) put(a *answers) []*answers {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > maxReplyBytes && !o.broken && !o.closed {
		o.change.Wait()
	}
	if o.broken || o.closed {
		return nil
	}
	o.queue = append(o.queue, a)
	o.bytes += a.bytes
	if o.sending {
		return nil
	}
	return o.takeLocked()
}

// reassure has the writer send a message. It never waits.
func (o *outbox) reassure() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = true
	o.change.Broadcast()
}

// close lets the writer end when everything is sent.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.change.Broadcast()
}

// sent gives the stream back. What came meanwhile is the writer's.
func (o *outbox) sent(ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending = false
	if !ok {
		o.broken, o.queue = true, nil
	}
	if len(o.queue) > 0 || o.asked || o.broken || o.closed {
		o.change.Broadcast()
	}
}

// take waits for answers that nobody sends, and returns what goes into the next
// message, which may be nothing. It is false at the end.
func (o *outbox) take() (taken []*answers, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.sending || len(o.queue) == 0 && !o.asked && !o.closed && !o.broken {
		o.change.Wait()
	}
	if o.broken || len(o.queue) == 0 && !o.asked {
		return nil, false
	}
	return o.takeLocked(), true
}

// takeLocked takes what goes into the next message, and the stream with it.
func (o *outbox) takeLocked() []*answers {
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
	o.sending, o.asked = true, false
	if o.bytes+bytes > maxReplyBytes {
		o.change.Broadcast()
	}
	return taken
}

// put has answers sent: now, if the stream is free.
func (p *pipe) put(a *answers) {
	if len(a.replies) == 0 {
		return
	}
	if taken := p.out.put(a); len(taken) > 0 {
		p.send(taken)
	}
}

// write sends what nobody else does, all that is ready in one message, until
// the end.
func (p *pipe) write() {
	for {
		taken, ok := p.out.take()
		if !ok {
			return
		}
		p.send(taken)
	}
}

// send sends one message. It is for who has the stream.
func (p *pipe) send(taken []*answers) {
	response := &p.out.response
	clear(response.Replies)
	response.Replies = response.Replies[:0]
	response.LeaderUrls = nil
	calls, size := 0, 0
	for _, a := range taken {
		if a.leader != nil {
			response.LeaderUrls = a.leader
		}
		for i := range a.replies {
			response.Replies = append(response.Replies, &a.replies[i])
		}
		calls += a.calls
		size += a.size
	}
	err := p.carrier.Send(response)
	p.out.sent(err == nil)
	p.load.remove(calls, size)
}
