package rpc

import (
	"bytes"
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// stand waits for the grant of a place in line, in a goroutine of its own.
// Nothing that ends it gives the place up (promise R4): see await.
func (p *pipe) stand(began time.Time, call openCall, ticket int64, result *logv1.Result) {
	p.load.remove(1, call.size)
	p.standing.Add(1)
	p.budgets.waits.Force(1, call.size)
	p.work.Go(func() {
		defer p.standing.Add(-1)
		defer p.budgets.waits.Give(1, call.size)
		ctx, done := p.waiting(began, call)
		defer done()
		end, err := p.await(ctx, call.where, ticket, result.GetIndex())
		var response proto.Message
		if err == nil {
			response = call.change.grant(result, end)
		}
		p.answer(began, call, response, err)
	})
}

// alone carries out a call that shares nothing, in a goroutine of its own.
func (p *pipe) alone(began time.Time, call openCall, request []byte) {
	if call.procedure.waits {
		p.load.remove(1, call.size)
		if p.standing.Add(1) > maxPipedWaits || !p.budgets.waits.Take(1, call.size) {
			p.standing.Add(-1)
			p.answer(began, call, nil, cluster.ErrOverloaded)
			return
		}
		request = bytes.Clone(request)
	}
	p.work.Go(func() {
		if call.procedure.waits {
			defer p.standing.Add(-1)
			defer p.budgets.waits.Give(1, call.size)
		}
		ctx, done := p.waiting(began, call)
		defer done()
		response, err := p.protected(ctx, call.procedure, request)
		p.answer(began, call, response, err)
	})
}

// protected makes an error of a panic.
func (p *pipe) protected(ctx context.Context, procedure *procedure, request []byte) (response proto.Message, err error) {
	defer func() { err = recovered(recover(), err) }()
	return procedure.call(ctx, request)
}

// answer answers one call. Those that wait do not count as load any more.
func (p *pipe) answer(began time.Time, call openCall, response proto.Message, err error) {
	answers := p.answers(began, 1)
	if err != nil {
		answers.fail(call.procedure, call.id, call.size, err)
	} else {
		answers.add(call.procedure, call.id, call.size, response)
	}
	if call.procedure.waits {
		answers.calls, answers.size = 0, 0
	}
	p.put(answers)
}

// waiting is the context of a call that may take long: it ends when the caller
// gives the call up, a little before its time is over, and when the node drains.
func (p *pipe) waiting(began time.Time, call openCall) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(p.patience)
	stop := cancel
	if call.timeout > 0 {
		ctx, stop = context.WithDeadline(ctx, began.Add(leavingTime(call.timeout)))
	}
	if !call.procedure.waits {
		return ctx, func() { stop(); cancel() }
	}
	p.waits.arm(call.id, cancel)
	return ctx, func() {
		stop()
		cancel()
		p.waits.remove(call.id)
	}
}

// openWaits are the calls of a stream that can be given up.
type openWaits struct {
	mu sync.Mutex
	// open has what ends each call: nil until it has begun to wait.
	open map[uint64]context.CancelFunc
}

func (w *openWaits) add(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = make(map[uint64]context.CancelFunc)
	}
	w.open[id] = nil
}

// arm says what ends a call. One that was given up before ends now.
func (w *openWaits) arm(id uint64, cancel context.CancelFunc) {
	w.mu.Lock()
	_, open := w.open[id]
	if open {
		w.open[id] = cancel
	}
	w.mu.Unlock()
	if !open {
		cancel()
	}
}

// cancel gives a call up, if it is one that can be.
func (w *openWaits) cancel(id uint64) {
	w.mu.Lock()
	cancel := w.open[id]
	delete(w.open, id)
	w.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

func (w *openWaits) remove(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, id)
}
