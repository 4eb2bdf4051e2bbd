package conclave

import (
	"context"
	"runtime"
	"slices"
	"time"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

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
	case e.Reason == reasonShuttingDown, e.crowded, e.Reason == reasonUnavailable && e.harmless() && !e.foreign:
		p.fail(e)
	default:
		p.mu.Lock()
		p.unary = time.Now().Add(unaryFor)
		p.mu.Unlock()
		p.fail(errNotPiped)
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
