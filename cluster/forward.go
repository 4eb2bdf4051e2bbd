package cluster

import (
	"context"
	"errors"
	"slices"
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

// forwardCall is one forwarded command. What follows id belongs to the forwarder
// until its group is done.
type forwardCall struct {
	id      uint64
	shard   uint64
	command []byte
	group   *forwardGroup
	ended   bool
	result  *logv1.Result
	err     error
}

// forwardGroup is commands that one caller forwards together. done is closed
// when all have ended.
type forwardGroup struct {
	calls []forwardCall
	open  int
	done  chan struct{}
}

// endLocked ends a call once.
func (c *forwardCall) endLocked(result *logv1.Result, err error) {
	if c.ended {
		return
	}
	c.ended, c.result, c.err = true, result, err
	if c.group.open--; c.group.open == 0 {
		close(c.group.done)
	}
}

func newForwarder(service func() peerv1connect.PeerServiceClient) *forwarder {
	f := &forwarder{service: service, wake: make(chan struct{}, 1)}
	f.mu.sent = make(map[uint64]*forwardCall)
	return f
}

// propose has the peer propose encoded commands. errNotApplied and
// ErrOverloaded mean that it certainly did not. lost ends the wait like ctx
// does, for those that may be tried again. The error is that of all.
func (f *forwarder) propose(ctx context.Context, shard uint64, proposals []submission, lost <-chan struct{}) (*forwardGroup, error) {
	group := &forwardGroup{
		calls: make([]forwardCall, len(proposals)),
		open:  len(proposals),
		done:  make(chan struct{}),
	}
	f.mu.Lock()
	if f.mu.stopped {
		f.mu.Unlock()
		return nil, ErrStopped
	}
	for i := range group.calls {
		f.mu.nextID++
		group.calls[i] = forwardCall{id: f.mu.nextID, shard: shard, command: proposals[i].command, group: group}
		f.mu.queue = append(f.mu.queue, &group.calls[i])
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	for {
		select {
		case <-group.done:
			return group, nil
		case <-lost:
			lost = nil
			f.forget(group, func(i int) bool { return proposals[i].repeatable })
		case <-ctx.Done():
			f.forget(group, func(int) bool { return true })
		}
	}
}

// forget gives up on some calls of a group, if they have not ended.
func (f *forwarder) forget(group *forwardGroup, which func(i int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range group.calls {
		call := &group.calls[i]
		if call.ended || !which(i) {
			continue
		}
		if _, sent := f.mu.sent[call.id]; sent {
			delete(f.mu.sent, call.id)
			call.endLocked(nil, ErrOutcomeUnknown)
		} else {
			call.endLocked(nil, errNotApplied)
		}
	}
	f.mu.queue = slices.DeleteFunc(f.mu.queue, func(queued *forwardCall) bool { return queued.ended })
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
		f.answer(response.GetOutcomes())
	}
}

// answer ends the calls whose outcomes have come.
func (f *forwarder) answer(outcomes []*peerv1.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, outcome := range outcomes {
		if call := f.mu.sent[outcome.GetCallId()]; call != nil {
			delete(f.mu.sent, outcome.GetCallId())
			call.endLocked(decodeOutcome(outcome))
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
	case peerv1.Outcome_STATUS_NO_SPACE:
		return nil, ErrNoSpace
	default:
		return nil, ErrOutcomeUnknown
	}
}

// fail ends all calls.
func (f *forwarder) fail(sent, queued error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, call := range f.mu.sent {
		call.endLocked(nil, sent)
	}
	for _, call := range f.mu.queue {
		call.endLocked(nil, queued)
	}
	f.mu.sent, f.mu.queue = make(map[uint64]*forwardCall), nil
}

// stop ends all calls, also later ones.
func (f *forwarder) stop() {
	f.mu.Lock()
	f.mu.stopped = true
	f.mu.Unlock()
	f.fail(ErrOutcomeUnknown, ErrStopped)
}
