package measure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

type phase = int32

const (
	warming phase = iota
	measuring
	over
)

// Window is the time in which something is measured, and what happened in it.
type Window struct {
	// Warmup and Duration are how long its phases are.
	Warmup, Duration time.Duration
	// Opened and Closed are called when measuring begins and ends; nil: nothing.
	Opened, Closed func()

	phase atomic.Int32
	done  chan struct{}

	mu       sync.Mutex // protects what follows
	lanes    []*Lane
	failures int64
	first    error
	took     time.Duration
}

// Start begins the warm-up. It returns at once.
func (w *Window) Start(ctx context.Context) {
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		defer w.phase.Store(over)
		if !pause(ctx, w.Warmup) {
			return
		}
		notify(w.Opened)
		began := time.Now()
		w.phase.Store(measuring)
		pause(ctx, w.Duration)
		w.phase.Store(over)
		took := time.Since(began)
		notify(w.Closed)
		w.mu.Lock()
		w.took = took
		w.mu.Unlock()
	}()
}

// Over says that workers shall stop.
func (w *Window) Over() bool { return w.phase.Load() == over }

// Measuring says that what happens now counts.
func (w *Window) Measuring() bool { return w.phase.Load() == measuring }

// Done is closed when the window is over.
func (w *Window) Done() <-chan struct{} { return w.done }

// Fail counts an error, in whatever phase. The end of the window's own context
// is no error of the system.
func (w *Window) Fail(err error) {
	if err == nil || w.Over() && errors.Is(err, context.Canceled) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures++
	if w.first == nil {
		w.first = err
	}
}

// Lane adds a place to record in, for one goroutine.
func (w *Window) Lane() *Lane {
	l := &Lane{window: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lanes = append(w.lanes, l)
	return l
}

// Lane is one goroutine's record.
type Lane struct {
	window *Window
	count  int64
	took   []time.Duration
}

// Done records that an operation has just ended, and how long it took.
func (l *Lane) Done(took time.Duration) {
	if l.window.Measuring() {
		l.count++
		l.took = append(l.took, took)
	}
}

// Count records that n things happened whose duration is of no interest.
func (l *Lane) Count(n int64) {
	if l.window.Measuring() {
		l.count += n
	}
}

func notify(f func()) {
	if f != nil {
		f()
	}
}

// pause waits; it reports false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
