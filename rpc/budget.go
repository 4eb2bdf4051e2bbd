package rpc

import "sync/atomic"

// Limits bound what all clients of a node together may have in progress. Over one
// of them a call is answered at once: OVERLOADED, and when to come again. The
// zero value is the limits that nodes have.
type Limits struct {
	// Calls that are not answered yet, and the bytes of their requests. What comes
	// over pipelines has to fit in both.
	Calls, Bytes int64
	// Unary calls that did not come over a pipeline, those that wait included.
	Unary int64
	// Waits that came over pipelines: calls that stand in a line or wait for news.
	Waits int64
}

func (l Limits) withDefaults() Limits {
	for _, limit := range []struct {
		value    *int64
		standard int64
	}{{&l.Calls, 256 << 10}, {&l.Bytes, 256 << 20}, {&l.Unary, 32 << 10}, {&l.Waits, 256 << 10}} {
		if *limit.value == 0 {
			*limit.value = limit.standard
		}
	}
	return l
}

// budget counts what is in progress. It never blocks.
type budget struct {
	limits Limits

	calls, bytes, unary, waits atomic.Int64
}

// take counts calls that came over a pipeline, unless they are too many. Those of
// one message are taken or refused together; a message that is alone fits.
func (b *budget) take(calls, bytes int) bool {
	open, size := b.calls.Add(int64(calls)), b.bytes.Add(int64(bytes))
	if open == int64(calls) || open <= b.limits.Calls && size <= b.limits.Bytes {
		return true
	}
	b.give(calls, bytes)
	return false
}

func (b *budget) give(calls, bytes int) {
	b.calls.Add(-int64(calls))
	b.bytes.Add(-int64(bytes))
}

// enter counts one more of something, unless there are too many.
func enter(count *atomic.Int64, limit int64) bool {
	if count.Add(1) <= limit {
		return true
	}
	count.Add(-1)
	return false
}
