package rpc

import (
	"context"
	"io"
	"testing"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/budget"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// heard is a carrier that keeps what is sent.
type heard []*conclavev1.Reply

func (h *heard) Send(response *conclavev1.PipelineResponse) error {
	*h = append(*h, response.GetReplies()...)
	return nil
}

func (h *heard) Receive() (*conclavev1.PipelineRequest, error) { return nil, io.EOF }

// waitingPipe is a pipe over a fake node, and what is answered.
func waitingPipe() (*pipe, *heard) {
	_, c, _ := newFake()
	carrier := &heard{}
	p := &pipe{
		pipelineHandler: &pipelineHandler{
			core: c, edge: &edge{core: c, metrics: newMetrics(nil), log: zerolog.Nop()},
			procedures: newProcedures(c, clusterHandler{core: c}),
		},
		carrier: carrier, life: context.Background(), patience: context.Background(),
	}
	p.load.init(&c.budgets.calls)
	p.out.init()
	return p, carrier
}

// A stream that has as many waiting calls as it may have is refused more, under
// whatever ids they come, and the refused ones do not count.
func TestPipelineWaitsAreBounded(t *testing.T) {
	p, carrier := waitingPipe()
	p.standing.Store(maxPipedWaits + 1)
	calls := []*conclavev1.Call{
		{CallId: 1, Procedure: conclavev1.Procedure_PROCEDURE_WATCH_POLL_WATCH},
		{CallId: 1, Procedure: conclavev1.Procedure_PROCEDURE_WATCH_POLL_WATCH},
		{CallId: 1, Procedure: conclavev1.Procedure_PROCEDURE_MUTEX_ACQUIRE_MUTEX},
	}
	p.load.add(len(calls), 0)
	p.serve(calls)
	p.work.Wait()
	if len(*carrier) != len(calls) {
		t.Errorf("%d answers", len(*carrier))
	}
	for _, reply := range *carrier {
		if reason := reply.GetError().GetInfo().GetReason(); reason != conclavev1.ErrorReason_ERROR_REASON_OVERLOADED {
			t.Errorf("an answer is %v", reply)
		}
	}
	if p.standing.Load() != maxPipedWaits+1 || p.load.calls != 0 {
		t.Errorf("%d wait, %d are load", p.standing.Load(), p.load.calls)
	}
}

// Waiting calls hold their requests, so what these take in all is bounded too.
func TestRequestsOfWaitsAreBounded(t *testing.T) {
	p, carrier := waitingPipe()
	p.budgets.waits = budget.New(1000, 1000)
	p.budgets.waits.Force(1, 900) // of other streams
	for i, procedure := range []conclavev1.Procedure{
		conclavev1.Procedure_PROCEDURE_WATCH_POLL_WATCH, conclavev1.Procedure_PROCEDURE_MUTEX_ACQUIRE_MUTEX,
	} {
		p.load.add(1, 200)
		p.serve([]*conclavev1.Call{{CallId: uint64(i), Procedure: procedure, Request: make([]byte, 200)}})
	}
	p.work.Wait()
	for _, reply := range *carrier {
		if reason := reply.GetError().GetInfo().GetReason(); reason != conclavev1.ErrorReason_ERROR_REASON_OVERLOADED {
			t.Errorf("an answer is %v", reply)
		}
	}
	if open, bytes := p.budgets.waits.Used(); len(*carrier) != 2 || open != 1 || bytes != 900 {
		t.Errorf("%d answers; %d wait with %d bytes", len(*carrier), open, bytes)
	}
}
