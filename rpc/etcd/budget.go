package etcd

import (
	"cmp"
	"math"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/budget"
)

// Limits bound what all clients of etcd's API together may have in progress at a
// node. Over one of them a call is answered at once, with etcd's "too many
// requests". The zero value is the limits that nodes have.
type Limits struct {
	// Calls that are not answered yet.
	Calls int64
	// Waits for a lock or to be elected. They do not count as calls.
	Waits int64
	// Bytes of the requests, of each of these two.
	Bytes int64
	// Streams of watches, lease keep-alives, observers and snapshots.
	Streams int64
}

// inProgress counts what all clients together have in progress.
type inProgress struct{ calls, waits, streams budget.Budget }

func newInProgress(l Limits) inProgress {
	bytes := cmp.Or(l.Bytes, 256<<20)
	return inProgress{
		calls:   budget.New(cmp.Or(l.Calls, 32<<10), bytes),
		waits:   budget.New(cmp.Or(l.Waits, 50_000), bytes),
		streams: budget.New(cmp.Or(l.Streams, 50_000), math.MaxInt64),
	}
}

// waiting are the calls that may wait for long.
var waiting = map[string]bool{
	"/v3lockpb.Lock/Lock":             true,
	"/v3electionpb.Election/Campaign": true,
}

// call counts one call. The caller must call done when it is answered.
func (p *inProgress) call(method string, req any) (done func(), err error) {
	size := 0
	if message, ok := req.(proto.Message); ok {
		size = proto.Size(message)
	}
	if waiting[method] {
		return take(&p.waits, size)
	}
	return take(&p.calls, size)
}

// stream counts a stream.
func (p *inProgress) stream() (done func(), err error) { return take(&p.streams, 0) }

func take(from *budget.Budget, size int) (done func(), err error) {
	if !from.Take(1, size) {
		return nil, rpctypes.ErrGRPCRequestTooManyRequests
	}
	return func() { from.Give(1, size) }, nil
}
