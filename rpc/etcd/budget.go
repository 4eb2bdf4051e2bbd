package etcd

import (
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/proto"
)

// Limits bound what all clients of etcd's API together may have in progress at a
// node. Over one of them a call is answered at once, with etcd's "too many
// requests". The zero value is the limits that nodes have.
type Limits struct {
	// Calls that are not answered yet, and the bytes of their requests.
	Calls, Bytes int64
	// Waits for a lock or to be elected. They do not count as calls.
	Waits int64
	// Streams of watches, lease keep-alives, observers and snapshots.
	Streams int64
}

func (l Limits) withDefaults() Limits {
	for _, limit := range []struct {
		value    *int64
		standard int64
	}{{&l.Calls, 32 << 10}, {&l.Bytes, 256 << 20}, {&l.Waits, 50_000}, {&l.Streams, 50_000}} {
		if *limit.value == 0 {
			*limit.value = limit.standard
		}
	}
	return l
}

// inProgress counts. It never blocks.
type inProgress struct {
	limits Limits

	calls, bytes, waits, streams atomic.Int64
}

// waiting are the calls that may wait for long.
var waiting = map[string]bool{
	"/v3lockpb.Lock/Lock":             true,
	"/v3electionpb.Election/Campaign": true,
}

// call counts one call. The caller must call done when it is answered.
func (p *inProgress) call(method string, req any) (done func(), err error) {
	if waiting[method] {
		return enter(&p.waits, p.limits.Waits)
	}
	size := int64(0)
	if message, ok := req.(proto.Message); ok && p.calls.Load() > p.limits.Calls/64 { // few cannot be much
		size = int64(proto.Size(message))
	}
	calls, bytes := p.calls.Add(1), p.bytes.Add(size)
	done = func() {
		p.calls.Add(-1)
		p.bytes.Add(-size)
	}
	if calls > p.limits.Calls || bytes > p.limits.Bytes && calls > 1 {
		done()
		return nil, rpctypes.ErrGRPCRequestTooManyRequests
	}
	return done, nil
}

// stream counts a stream.
func (p *inProgress) stream() (done func(), err error) { return enter(&p.streams, p.limits.Streams) }

func enter(count *atomic.Int64, limit int64) (done func(), err error) {
	if count.Add(1) > limit {
		count.Add(-1)
		return nil, rpctypes.ErrGRPCRequestTooManyRequests
	}
	return func() { count.Add(-1) }, nil
}
