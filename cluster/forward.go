package cluster

import (
	"context"
	"errors"
	"sync"

	"connectrpc.com/connect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/peer/v1/peerv1connect"
)

// peerStream is a stream of proposals to a peer.
type peerStream = connect.BidiStreamForClientSimple[peerv1.ProposeRequest, peerv1.ProposeResponse]

// forwarder carries commands to the batcher of a peer over one stream. Commands
// that come while a message is being sent go together in the next one.
type forwarder struct {
	service func() peerv1connect.PeerServiceClient

	// wake holds a token when queue has something.
	wake chan struct{}

	mu struct {
		sync.Mutex
		stopped bool
		nextID  uint64
		queue   []*forwardCall
		// sent are the calls that wait for an answer of the current stream.
		sent map[uint64]*forwardCall
	}
}

// forwardCall is one forwarded command. done is closed when result or err is
// there.
type forwardCall struct {
	id      uint64
	shard   uint64
	command []byte
	done    chan struct{}
	result  *logv1.Result
	err     error
}

func (c *forwardCall) end(result *logv1.Result, err error) {
	c.result, c.err = result, err
	close(c.done)
}

func newForwarder(service func() peerv1connect.PeerServiceClient) *forwarder {
	f := &forwarder{service: service, wake: make(chan struct{}, 1)}
	f.mu.sent = make(map[uint64]*forwardCall)
	return f
}

// propose has the peer propose an encoded command. errNotApplied and
// ErrOverloaded mean that it certainly did not. lost ends the wait like ctx
// does.
func (f *forwarder) propose(ctx context.Context, shard uint64, command []byte, lost <-chan struct{}) (*logv1.Result, error) {
	call := &forwardCall{shard: shard, command: command, done: make(chan struct{})}
	f.mu.Lock()
	if f.mu.stopped {
		f.mu.Unlock()
		return nil, ErrStopped
	}
	f.mu.nextID++
	call.id = f.mu.nextID
	f.mu.queue = append(f.mu.queue, call)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	select {
	case <-call.done:
		return call.result, call.err
	case <-lost:
		return nil, f.forget(call)
	case <-ctx.Done():
		return nil, f.forget(call)
	}
}

// forget gives up on a call, and says what the caller may think of it.
func (f *forwarder) forget(call *forwardCall) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, queued := range f.mu.queue {
		if queued == call {
			f.mu.queue = append(f.mu.queue[:i], f.mu.queue[i+1:]...)
			return errNotApplied
		}
	}
	delete(f.mu.sent, call.id)
	return ErrOutcomeUnknown
}

// run keeps a stream open while there is something to send, until ctx ends.
func (f *forwarder) run(ctx context.Context) {
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			f.stop()
			return
		}
		f.converse(ctx)
	}
}

// converse opens a stream and sends what is queued until it fails. Nothing is
// sent before the peer has greeted, so that calls to a peer that cannot be
// reached certainly did not happen.
func (f *forwarder) converse(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	stream, err := f.service().Propose(ctx)
	if err == nil {
		greeted := make(chan struct{})
		reader.Go(func() {
			f.receive(stream, greeted)
			cancel() // what ends send
		})
		if stream.Send(nil) == nil {
			f.send(ctx, stream, greeted)
		}
		_ = stream.CloseRequest()
	}
	cancel()
	reader.Wait()
	if err == nil {
		_ = stream.CloseResponse()
	}
	f.fail(ErrOutcomeUnknown, errNotApplied)
}

func (f *forwarder) send(ctx context.Context, stream *peerStream, greeted <-chan struct{}) {
	select {
	case <-greeted:
	case <-ctx.Done():
		return
	}
	for {
		for request := f.next(); request != nil; request = f.next() {
			if stream.Send(request) != nil {
				return
			}
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return
		}
	}
}

// next makes one message of what is queued.
func (f *forwarder) next() *peerv1.ProposeRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	request := &peerv1.ProposeRequest{}
	size, n := 0, 0
	for _, call := range f.mu.queue {
		if n > 0 && (n == maxBatchOps || size+len(call.command) > maxBatchBytes) {
			break
		}
		size += len(call.command)
		n++
		f.mu.sent[call.id] = call
		request.Proposals = append(request.Proposals, &peerv1.Proposal{
			CallId: call.id, ShardId: call.shard, Command: call.command,
		})
	}
	if n == 0 {
		return nil
	}
	clear(f.mu.queue[:n])
	f.mu.queue = f.mu.queue[n:]
	return request
}

// receive hands the answers out until the stream ends. The first message is the
// greeting.
func (f *forwarder) receive(stream *peerStream, greeted chan<- struct{}) {
	if _, err := stream.Receive(); err != nil {
		return
	}
	close(greeted)
	for {
		response, err := stream.Receive()
		if err != nil {
			return
		}
		for _, outcome := range response.GetOutcomes() {
			f.mu.Lock()
			call := f.mu.sent[outcome.GetCallId()]
			delete(f.mu.sent, outcome.GetCallId())
			f.mu.Unlock()
			if call != nil {
				call.end(decodeOutcome(outcome))
			}
		}
	}
}

func decodeOutcome(outcome *peerv1.Outcome) (*logv1.Result, error) {
	switch outcome.GetStatus() {
	case peerv1.Outcome_STATUS_OK:
		result := &logv1.Result{}
		if err := result.UnmarshalVT(outcome.GetResult()); err != nil {
			return nil, errors.Join(ErrOutcomeUnknown, err)
		}
		return result, nil
	case peerv1.Outcome_STATUS_NOT_LEADER:
		return nil, errNotApplied
	case peerv1.Outcome_STATUS_OVERLOADED:
		return nil, ErrOverloaded
	default:
		return nil, ErrOutcomeUnknown
	}
}

// fail ends all calls.
func (f *forwarder) fail(sent, queued error) {
	f.mu.Lock()
	lost, unsent := f.mu.sent, f.mu.queue
	f.mu.sent, f.mu.queue = make(map[uint64]*forwardCall), nil
	f.mu.Unlock()
	for _, call := range lost {
		call.end(nil, sent)
	}
	for _, call := range unsent {
		call.end(nil, queued)
	}
}

// stop ends all calls, also later ones.
func (f *forwarder) stop() {
	f.mu.Lock()
	f.mu.stopped = true
	f.mu.Unlock()
	f.fail(ErrOutcomeUnknown, ErrStopped)
}
