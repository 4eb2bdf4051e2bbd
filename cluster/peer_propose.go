package cluster

import (
	"context"
	"errors"
	"io"
	"sync"

	"connectrpc.com/connect"

	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

// maxPeerCalls is how many messages of one stream may wait for their outcome.
const maxPeerCalls = 1024

// Propose implements PeerService: it puts the commands of each message into the
// batcher at once and answers as their batches are decided.
func (p *peerServer) Propose(ctx context.Context, stream *connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse]) error {
	replies := &replies{stream: stream}
	if err := replies.send(&peerv1.ProposeResponse{}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	slots := make(chan struct{}, maxPeerCalls)
	var waits sync.WaitGroup
	defer waits.Wait()
	defer cancel()
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case slots <- struct{}{}:
		case <-p.cluster.stopped.Done():
			return connect.NewError(connect.CodeUnavailable, ErrStopped)
		case <-ctx.Done():
			return ctx.Err()
		}
		parts := p.accept(request)
		waits.Go(func() {
			defer func() { <-slots }()
			p.answer(ctx, parts, replies)
		})
	}
}

// replies sends messages of concurrent answers one after the other.
type replies struct {
	mu     sync.Mutex
	stream *connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse]
}

func (r *replies) send(response *peerv1.ProposeResponse) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.Send(response)
}

// part is the proposals of a message that wait together: those in one batch, or
// those that got no place.
type part struct {
	batch *batch // nil: err says why
	err   error
	calls []uint64
	slots []int
}

// accept submits the commands of a message, shard by shard.
func (p *peerServer) accept(request *peerv1.ProposeRequest) []part {
	var parts []part
	proposals := request.GetProposals()
	for len(proposals) > 0 {
		shard := proposals[0].GetShardId()
		n := 1
		for n < len(proposals) && proposals[n].GetShardId() == shard {
			n++
		}
		parts = p.submit(parts, shard, proposals[:n])
		proposals = proposals[n:]
	}
	return parts
}

func (p *peerServer) submit(parts []part, shard uint64, proposals []*peerv1.Proposal) []part {
	commands := make([][]byte, len(proposals))
	calls := make([]uint64, len(proposals))
	for i, proposal := range proposals {
		commands[i], calls[i] = proposal.GetCommand(), proposal.GetCallId()
	}
	places, err := []place(nil), errNotApplied
	if s := p.cluster.shards[shard]; s != nil {
		places, err = s.batcher.submit(nil, commands...)
	}
	if err != nil {
		return append(parts, part{err: err, calls: calls})
	}
	for i, at := range places {
		if n := len(parts); i == 0 || parts[n-1].batch != at.batch {
			parts = append(parts, part{batch: at.batch})
		}
		last := &parts[len(parts)-1]
		last.calls = append(last.calls, calls[i])
		last.slots = append(last.slots, at.slot)
	}
	return parts
}

// answer sends the outcomes of a message as they come.
func (p *peerServer) answer(ctx context.Context, parts []part, to *replies) {
	for _, part := range parts {
		if part.batch != nil {
			select {
			case <-part.batch.done:
			case <-ctx.Done():
				return
			}
		}
		for _, response := range part.responses() {
			if to.send(response) != nil {
				return // the stream is gone, and Receive will say so
			}
		}
	}
}

// responses are the messages with the outcomes: as few as the bound of a batch
// allows, because what a message may have at most would break the stream.
func (p *part) responses() []*peerv1.ProposeResponse {
	current := &peerv1.ProposeResponse{}
	responses := []*peerv1.ProposeResponse{current}
	size := 0
	for i, call := range p.calls {
		outcome := p.outcome(i, call)
		if size += len(outcome.GetResult()); size > maxBatchBytes && len(current.Outcomes) > 0 {
			current, size = &peerv1.ProposeResponse{}, len(outcome.GetResult())
			responses = append(responses, current)
		}
		current.Outcomes = append(current.Outcomes, outcome)
	}
	return responses
}

// outcome is that of the i-th call.
func (p *part) outcome(i int, call uint64) *peerv1.Outcome {
	outcome := &peerv1.Outcome{CallId: call}
	err := p.err
	if p.batch != nil {
		outcome.Result, err = p.encoded(i)
	}
	outcome.Status = outcomeStatus(err)
	if err != nil {
		outcome.Detail = err.Error()
	}
	return outcome
}

// encoded is the encoded result of the i-th call.
func (p *part) encoded(i int) ([]byte, error) {
	result, err := p.batch.outcome(p.slots[i])
	if err != nil {
		return nil, err
	}
	data, err := result.MarshalVT()
	if err != nil {
		return nil, errors.Join(ErrOutcomeUnknown, err)
	}
	return data, nil
}

func outcomeStatus(err error) peerv1.Outcome_Status {
	switch {
	case err == nil:
		return peerv1.Outcome_STATUS_OK
	case errors.Is(err, errNotApplied), errors.Is(err, ErrStopped):
		return peerv1.Outcome_STATUS_NOT_LEADER
	case errors.Is(err, ErrNoSpace):
		return peerv1.Outcome_STATUS_NO_SPACE
	case errors.Is(err, ErrOverloaded), errors.Is(err, ErrTooLarge):
		return peerv1.Outcome_STATUS_OVERLOADED
	default:
		return peerv1.Outcome_STATUS_UNKNOWN
	}
}
