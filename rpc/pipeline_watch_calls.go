package rpc

import (
	"time"

	"github.com/conclavehq/conclave/cluster"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// watchKind is what watches that are told the same have in common.
type watchKind struct {
	namespace                  string
	id                         uint32 // of the namespace, as soon as it is known
	key, end                   string
	previous, noPuts, noDelete bool
	every                      time.Duration
}

// watchStart is where watches begin that are told the same from there on.
type watchStart struct {
	watchKind
	revision int64
}

func startOf(req *conclavev1.WatchRequest, revision int64) watchStart {
	key, end := keyRange(req.GetSpan())
	return watchStart{revision: revision, watchKind: watchKind{
		namespace: req.GetNamespace(),
		key:       string(key),
		end:       string(end),
		previous:  req.GetPrevious(),
		noPuts:    req.GetNoPuts(),
		noDelete:  req.GetNoDeletes(),
		every:     req.GetProgressEvery().AsDuration(),
	}}
}

// take carries out the calls of a message. Watches that begin alike begin
// together.
func (p *watchPipe) take(calls []*conclavev1.WatchCall) error {
	alike := map[watchStart]*cohort{}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil
	}
	for _, call := range calls {
		w := p.watches[call.GetWatchId()]
		switch {
		case call.GetWatch() != nil && w != nil:
			return fail(conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, "watch_id %d is that of another watch", call.GetWatchId())
		case call.GetWatch() != nil:
			p.beginLocked(call, alike)
		case w == nil: // it has ended
		case call.GetCancel():
			p.removeLocked(w, nil)
		default:
			w.owed -= min(w.owed, call.GetDone())
			if w.cohort == nil && w.owed <= resumeOwed {
				p.enterLocked(w, w.known+1, alike)
			}
		}
	}
	for _, c := range alike {
		p.work.Go(c.run)
	}
	return nil
}

// beginLocked begins a watch, unless it cannot be.
func (p *watchPipe) beginLocked(call *conclavev1.WatchCall, alike map[watchStart]*cohort) {
	err := checkWatch(call.GetWatch())
	if err == nil && len(p.watches) >= maxPipedWatches {
		err = cluster.ErrOverloaded
	}
	if err != nil {
		p.out.add(p.failed([]uint64{call.GetWatchId()}, err))
		return
	}
	w := &pipedWatch{
		id:    call.GetWatchId(),
		req:   call.GetWatch(),
		ended: p.edge.metrics.streamBegan(conclavev1connect.WatchServiceWatchProcedure),
	}
	p.watches[w.id] = w
	p.enterLocked(w, w.req.GetStartRevision(), alike)
}

// enterLocked puts a watch into the cohort of those that begin like it.
func (p *watchPipe) enterLocked(w *pipedWatch, start int64, alike map[watchStart]*cohort) {
	key := startOf(w.req, start)
	c := alike[key]
	if c == nil {
		c = newCohort(p, w.req, start)
		alike[key] = c
	}
	c.greeted = c.greeted && w.greeted
	w.greeted = true
	c.addLocked(w)
}

// removeLocked forgets a watch.
func (p *watchPipe) removeLocked(w *pipedWatch, err error) {
	delete(p.watches, w.id)
	if w.cohort != nil {
		w.cohort.dropLocked(w)
	}
	w.ended(err)
}

// failed is the news that watches have ended.
func (p *watchPipe) failed(ids []uint64, err error) *conclavev1.WatchNews {
	f := p.edge.explained(conclavev1connect.WatchServiceWatchProcedure, err)
	return &conclavev1.WatchNews{WatchIds: ids, Error: &conclavev1.CallError{
		Code: uint32(f.status()), Message: f.message, Info: f.info,
	}}
}
