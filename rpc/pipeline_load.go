package rpc

import (
	"sync"

	"github.com/conclavehq/conclave/internal/budget"
)

// load counts the calls of a stream that are not answered yet.
type load struct {
	mu           sync.Mutex
	room         sync.Cond
	calls, bytes int
	closed       bool
	// node is what all streams share.
	node *budget.Budget
}

func (l *load) init(node *budget.Budget) { l.room.L, l.node = &l.mu, node }

// add waits until the stream has room; open is false when it has ended. When the
// node has none, the calls are not admitted and do not count.
func (l *load) add(calls, bytes int) (admitted, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && l.calls > 0 && (l.calls+calls > maxPipedCalls || l.bytes+bytes > maxPipedBytes) {
		l.room.Wait()
	}
	if l.closed || !l.node.Take(calls, bytes) {
		return false, !l.closed
	}
	l.calls += calls
	l.bytes += bytes
	return true, true
}

func (l *load) remove(calls, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls -= calls
	l.bytes -= bytes
	if !l.closed {
		l.node.Give(calls, bytes)
	}
	l.room.Signal()
}

func (l *load) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.node.Give(l.calls, l.bytes) // what nobody will hear of
	}
	l.closed = true
	l.room.Signal()
}
