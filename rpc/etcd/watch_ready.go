package etcd

import "sync"

// readySources are the sources that may have something to tell, each once. The
// feed adds to them.
type readySources struct {
	// wake holds a token while there are some.
	wake chan struct{}

	mu    sync.Mutex
	queue []*source
	taken int // of the queue
}

// add never waits.
func (r *readySources) add(src *source) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if src.queued {
		return
	}
	src.queued = true
	r.queue = append(r.queue, src)
	r.signal()
}

// take takes the one that came first; nil if there is none.
func (r *readySources) take() *source {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	src := r.queue[r.taken]
	src.queued, r.queue[r.taken] = false, nil
	if r.taken++; 2*r.taken >= len(r.queue) { // move up, now and then
		left := copy(r.queue, r.queue[r.taken:])
		clear(r.queue[left:])
		r.queue, r.taken = r.queue[:left], 0
	}
	if len(r.queue) > 0 {
		r.signal()
	}
	return src
}

func (r *readySources) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
