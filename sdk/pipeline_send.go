package conclave

import (
	"context"
	"runtime"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// A caller sends its own call when at most maxUnheard messages were sent since the
// last answer, because others may be about to make calls that can go with it; and
// when with it the node has at most maxUnread to read, which is much less than there
// is room for: a caller that had to wait for room could not give that up.
const (
	maxUnheard = 1
	maxUnread  = 16 << 10
)

// idleLocked makes the caller the one who sends, if it may send the call that it
// has just queued.
func (p *pipeline) idleLocked(c *pipedCall) *conversation {
	conv := p.open
	if conv == nil || conv.sending || conv.unheard > maxUnheard || len(p.queue) > 1 || len(p.cancels) > 0 ||
		conv.unread+len(c.wire.Request) > maxUnread {
		return nil
	}
	conv.sending = true
	p.fillLocked(conv)
	return conv
}

// sendFor sends one message that is made already, and leaves what came meanwhile
// to the pipeline's goroutine. When that fails, the stream has ended, and that
// goroutine says so to all callers.
func (p *pipeline) sendFor(conv *conversation) {
	if more, _ := p.carry(conv); more {
		p.signal()
	}
}

// carry sends the message that is made, lets others send, and reports whether
// there is more. ok is false when the stream has ended.
func (p *pipeline) carry(conv *conversation) (more, ok bool) {
	if conv.carrier.Send(&conv.request) != nil {
		close(conv.lost)
		return false, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	conv.sending = false
	return len(p.queue) > 0 || len(p.cancels) > 0, true
}

// send sends what is queued, until the stream ends.
func (p *pipeline) send(ctx context.Context, conv *conversation) {
	p.setOpen(conv)
	defer p.setOpen(nil)
	beat := time.NewTicker(pingAfter / 2)
	defer beat.Stop()
	if _, ok := conv.carrier.(upgraded); !ok {
		beat.Stop() // HTTP/2 has pings of its own
	}
	for silent := false; ; {
		for ctx.Err() == nil && p.next(conv, silent) {
			silent = false
			if _, ok := p.carry(conv); !ok {
				return
			}
		}
		select {
		case <-p.wake:
		case <-beat.C:
			silent = p.silent(conv)
			continue
		case <-conv.lost:
			return
		case <-ctx.Done():
			return
		}
		// Whoever can run may have a call to make: many calls in one message
		// cost hardly more than one.
		runtime.Gosched()
	}
}

func (p *pipeline) setOpen(conv *conversation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = conv
}

// silent reports whether nothing was sent, or nothing was received, since it was
// asked last. Then an empty message, to which there is an empty answer, shows
// either side that the other one lives.
func (p *pipeline) silent(conv *conversation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	silent := !conv.said || !conv.heard
	conv.said, conv.heard = false, false
	return silent
}

// next makes one message of what is queued. It is false when that is nothing,
// which will do if something has to be said, or when somebody else sends, who
// wakes the pipeline up.
func (p *pipeline) next(conv *conversation, something bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if conv.sending {
		return false
	}
	p.fillLocked(conv)
	conv.sending = something || len(conv.request.Calls) > 0
	return conv.sending
}

func (p *pipeline) fillLocked(conv *conversation) {
	request := &conv.request
	clear(request.Calls)
	request.Calls = request.Calls[:0]
	for _, id := range p.cancels {
		request.Calls = append(request.Calls, &conclavev1.Call{CallId: id, Cancel: true})
	}
	p.cancels = p.cancels[:0]
	n, size := 0, 0
	for _, c := range p.queue {
		if len(request.Calls) > 0 && (len(request.Calls) >= maxPipedCalls || size+len(c.wire.Request) > maxPipedBytes) {
			break
		}
		n++
		if c.state == callForgotten {
			continue
		}
		size += len(c.wire.Request)
		conv.unread += len(c.wire.Request)
		c.state = callSent
		p.sent[c.wire.CallId] = c
		request.Calls = append(request.Calls, &c.wire)
	}
	rest := copy(p.queue, p.queue[n:])
	clear(p.queue[rest:])
	p.queue = p.queue[:rest]
	if len(request.Calls) > 0 {
		conv.unheard++
		conv.said = true
	}
}
