package rpc

import (
	"context"
	"io"
	"testing"

	"github.com/rs/zerolog"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// heard is a carrier that keeps what is sent.
type heard []*conclavev1.Reply

func (h *heard) Send(response *conclavev1.PipelineResponse) error {
	*h = append(*h, response.GetReplies()...)
	return nil
}

func (h *heard) Receive() (*conclavev1.PipelineRequest, error) { return nil, io.EOF }

// A stream that has as many waiting calls as it may have is refused more, under
// whatever ids they come, and the refused ones do not count.
func TestPipelineWaitsAreBounded(t *testing.T) {
	_, c, _ := newFake()
	carrier := &heard{}
	p := &pipe{
		pipelineHandler: &pipelineHandler{
			core: c, edge: &edge{core: c, metrics: newMetrics(nil), log: zerolog.Nop()},
			procedures: newProcedures(c, clusterHandler{core: c}),
		},
		carrier: carrier, life: context.Background(), patience: context.Background(),
	}
	p.load.init(&c.budget)
	p.out.init()
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
