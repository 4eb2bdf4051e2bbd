package rpc

import "sync"

// load counts the calls of a stream that are not answered yet.
type load struct {
	mu           sync.Mutex
	room         sync.Cond
	calls, bytes int
	closed       bool
}

func (l *load) init() { l.room.L = &l.mu }

// add waits until there is room. It is false when the stream has ended.
func (l *load) add(calls, bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && l.calls > 0 && (l.calls+calls > maxPipedCalls || l.bytes+bytes > maxPipedBytes) {
		l.room.Wait()
	}
	l.calls += calls
	l.bytes += bytes
	return !l.closed
}

func (l *load) remove(calls, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls -= calls
	l.bytes -= bytes
	l.room.Signal()
}

func (l *load) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.room.Signal()
}
