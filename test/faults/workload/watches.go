package workload

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

const watchSlots = 16

// slot is one of the watchers that come and go.
type slot struct {
	*client
	open atomic.Pointer[watching]
}

// watching is a watch that is open.
type watching struct {
	*stream
	r      history.Record // as it was opened first
	every  time.Duration  // of progress; 0 is none
	cancel context.CancelFunc
}

// watches opens and closes watches of all kinds. Those that are open when the load
// is stopped stay, and come to the head.
func watches(l *Load) finish {
	for i := range watchSlots {
		via, node := history.SDK, everyNode
		if i%2 == 1 {
			via = history.Etcd
		}
		if i/2%3 != 0 {
			node = (i / 2) % len(l.cfg.Endpoints)
		}
		c, err := l.dial(history.Watches, via, node, "default", l.rng(history.Watches, i))
		if err != nil {
			continue // pool.check has dialed the same endpoints
		}
		s := &slot{client: c}
		l.slots = append(l.slots, s)
		l.watchers.Go(s.run)
	}
	return l.drainWatches
}

// run opens one watch after the other. In a third of the cases it is one that goes
// on where the last one was cut off.
func (s *slot) run() {
	s.pace = newPace(2 * s.load.cfg.Rate)
	var last *watching
	for s.pace.wait(s.load.stopping, 0) {
		w := &watching{r: s.kind()}
		ctx, cancel := context.WithCancel(s.load.life)
		w.stream, w.cancel = s.stream(ctx), cancel
		if s.rand.IntN(2) == 0 {
			w.every = 100*time.Millisecond + time.Duration(s.rand.Int64N(int64(time.Second)))
		}
		if last != nil && last.last.Load() > 0 && s.rand.IntN(3) == 0 {
			w.r, w.every, w.watcher = last.r, last.every, last.watcher
			w.r.From, w.r.Revision = last.last.Load()+1, 0
		}
		s.hold(w)
		cancel()
		last = w
	}
}

// hold keeps a watch open for a while; when the load is stopped meanwhile, until it
// is closed.
func (s *slot) hold(w *watching) {
	s.open.Store(w)
	defer s.open.Store(nil)
	length := 100*time.Millisecond + time.Duration(s.rand.ExpFloat64()*float64(2*time.Second))
	end := time.AfterFunc(length, func() {
		if s.load.stopping.Err() == nil {
			w.cancel()
		}
	})
	defer end.Stop()
	var err error
	w.opened(w.r)
	if s.etcd != nil {
		err = w.followEtcd()
	} else {
		err = w.followSDK()
	}
	w.closed(err)
}

// kind decides what to watch, and from when.
func (s *slot) kind() history.Record {
	r := history.Record{Previous: s.rand.IntN(2) == 0}
	switch s.rand.IntN(8) {
	case 0:
		r.Key = s.load.keys.key(s.client)
	case 1:
		r.Key = fmt.Sprintf("n/%d", s.rand.IntN(countersInUse))
	case 2:
		r.Key, r.End = "r/hot/1/2", "r/hot/3/4"
	case 3:
		r.Key, r.End = "l/", "l0"
	case 4:
		r.Key, r.End = "r/", "r0"
	case 5:
		r.Key, r.End = "n/", "n0"
	default:
		r.Key = s.load.keys.group(s.client)
		r.End = prefixEnd(r.Key)
	}
	switch s.rand.IntN(8) {
	case 0:
		r.Filter = history.NoPuts
	case 1:
		r.Filter = history.NoDeletes
	}
	head := s.load.head.Load()
	switch s.rand.IntN(7) {
	case 0:
		r.From = head + s.rand.Int64N(100)
	case 1, 2:
		r.From = max(head-s.rand.Int64N(100), 1)
	case 3:
		r.From = max(s.load.compacted.Load()-50+s.rand.Int64N(200), 1)
	case 4:
		// Of everything, from the first revision on that is not forgotten.
		r.From, r.Key, r.End = max(s.load.compacted.Load(), 1), "A", "~"
	}
	return r
}
