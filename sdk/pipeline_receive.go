package conclave

import "time"

// unopened decides what becomes of calls when there was no greeting. A node that
// says why, or that cannot be reached at all, fails them. Any other answer means
// that streams do not get through: there is no HTTP/2, a proxy is in between, or
// the node is older than the pipeline.
func (p *pipeline) unopened(err error) {
	e := fromWire(err)
	switch {
	case p.owner.ctx.Err() != nil:
		p.fail(ErrClosed, ErrClosed)
	case e.Reason == reasonShuttingDown, e.crowded, e.Reason == reasonUnavailable && e.harmless() && !e.foreign:
		p.fail(e, e)
	default:
		p.mu.Lock()
		p.unary = time.Now().Add(unaryFor)
		p.mu.Unlock()
		p.fail(errNotPiped, errNotPiped)
	}
}

// broken fails the calls of a stream that was open.
func (p *pipeline) broken(err error) {
	e := fromWire(err)
	unsent := &Error{Reason: reasonUnavailable, Message: "the stream ended", cause: errUnsent}
	if e.Reason == reasonShuttingDown {
		unsent = e
	}
	p.fail(&Error{Reason: reasonUnavailable, Message: "no answer", cause: err}, unsent)
}

// fail ends all calls.
func (p *pipeline) fail(sent, queued error) {
	p.mu.Lock()
	var over []*pipedCall
	for _, c := range p.sent {
		c.err = sent
		over = append(over, c)
	}
	for _, c := range p.queue {
		if c.state != callForgotten {
			c.err = queued
			over = append(over, c)
		}
	}
	for _, c := range over {
		c.state = callOver
	}
	clear(p.sent)
	p.queue, p.cancels = nil, nil
	p.mu.Unlock()
	for _, c := range over {
		c.done <- struct{}{}
	}
}

// receive hands the answers out until the stream ends. The first message is the
// greeting.
func (p *pipeline) receive(conv *conversation, greeted chan<- struct{}) error {
	if _, err := conv.carrier.Receive(); err != nil {
		return err
	}
	close(greeted)
	var over []*pipedCall
	for {
		response, err := conv.carrier.Receive()
		if err != nil {
			return err
		}
		over = over[:0]
		p.mu.Lock()
		conv.unheard, conv.heard = 0, true
		for _, reply := range response.GetReplies() {
			if c := p.sent[reply.GetCallId()]; c != nil {
				delete(p.sent, reply.GetCallId())
				conv.unread -= len(c.wire.Request)
				c.state, c.reply = callOver, reply
				over = append(over, c)
			} else {
				conv.unread -= conv.forgotten[reply.GetCallId()]
				delete(conv.forgotten, reply.GetCallId())
			}
		}
		p.mu.Unlock()
		for _, c := range over {
			c.done <- struct{}{}
		}
		clear(over)
		if len(response.GetLeaderUrls()) > 0 && p.led != nil {
			p.led(response.GetLeaderUrls())
		}
	}
}
