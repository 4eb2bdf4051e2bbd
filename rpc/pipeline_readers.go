package rpc

import (
	"time"

	"github.com/conclavehq/conclave/cluster"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// read takes messages in turn with others, and carries out what it has taken. It
// ends with the stream, or when enough others wait for their turn.
func (p *pipe) read(ended chan<- error) {
	for p.mayWait() {
		select {
		case <-p.turn:
		case <-p.over:
			return
		}
		p.readers.Add(-1)
		calls, err := p.receive()
		if calls == nil {
			close(p.over)
			ended <- err
			return
		}
		if p.readers.Load() == 0 {
			go p.read(ended)
		}
		p.turn <- struct{}{}
		p.serve(calls)
		p.work.Done()
	}
}

// mayWait counts one more reader that waits, if they are not enough yet. Whoever
// is counted does wait.
func (p *pipe) mayWait() bool {
	for {
		n := p.readers.Load()
		if n >= maxReaders {
			return false
		}
		if p.readers.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// receive takes messages until there is one to carry out, for which it enters.
// It returns nil when the stream ends.
func (p *pipe) receive() ([]*conclavev1.Call, error) {
	for {
		request, err := p.carrier.Receive()
		if err != nil {
			return nil, err
		}
		if len(request.GetCalls()) == 0 {
			p.out.reassure()
			continue
		}
		if len(request.GetCalls()) > maxPipedCalls {
			return nil, fail(conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE, "a message of the stream has more than %d calls", maxPipedCalls)
		}
		calls := p.accept(request.GetCalls())
		if len(calls) == 0 {
			continue
		}
		bytes := 0
		for _, call := range calls {
			bytes += len(call.GetRequest())
		}
		admitted, open := p.load.add(len(calls), bytes)
		if !open {
			return nil, nil
		}
		if !admitted {
			p.refuse(calls, cluster.ErrOverloaded)
			continue
		}
		if p.enter() {
			return calls, nil
		}
		p.turnAway(calls)
	}
}

// accept ends the calls that are given up, and returns the others. Those that
// may wait are known from here on, so that they can be given up.
func (p *pipe) accept(calls []*conclavev1.Call) []*conclavev1.Call {
	kept := calls[:0]
	for _, call := range calls {
		if call.GetCancel() {
			p.waits.cancel(call.GetCallId())
			continue
		}
		if p.procedures.find(call.GetProcedure()).waits {
			p.waits.add(call.GetCallId())
		}
		kept = append(kept, call)
	}
	return kept
}

// refuse answers calls that do not count as load.
func (p *pipe) refuse(calls []*conclavev1.Call, why error) {
	answers := p.answers(time.Now(), len(calls))
	for _, call := range calls {
		answers.fail(p.procedures.find(call.GetProcedure()), call.GetCallId(), 0, why)
	}
	answers.calls = 0
	p.put(answers)
}

// turnAway answers calls that came after the end.
func (p *pipe) turnAway(calls []*conclavev1.Call) {
	answers := p.answers(time.Now(), len(calls))
	for _, call := range calls {
		answers.fail(p.procedures.find(call.GetProcedure()), call.GetCallId(), len(call.GetRequest()), errDraining)
	}
	p.put(answers)
}
