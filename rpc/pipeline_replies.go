package rpc

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// answers are replies that go to the outbox together, and the load that ends
// with them.
type answers struct {
	pipe    *pipe
	began   time.Time
	replies []conclavev1.Reply
	bytes   int // of the replies
	// calls and size are what the calls have counted as.
	calls, size int
	// leader is where changes are decided, if that is another node.
	leader []string
}

func (p *pipe) answers(began time.Time, expect int) *answers {
	return &answers{pipe: p, began: began, replies: make([]conclavev1.Reply, 0, expect)}
}

// add answers a call.
func (a *answers) add(procedure *procedure, id uint64, size int, response proto.Message) {
	encoded, err := encodeResponse(response)
	if err != nil {
		a.fail(procedure, id, size, err)
		return
	}
	a.replies = append(a.replies, conclavev1.Reply{CallId: id, Response: encoded})
	a.account(procedure, id, size, len(encoded))
	procedure.ok(a.pipe.edge.metrics, a.began)
}

// fail answers a call with an error, in the terms of the unary path.
func (a *answers) fail(procedure *procedure, id uint64, size int, err error) {
	f := a.pipe.edge.explained(procedure.name, err)
	a.replies = append(a.replies, conclavev1.Reply{CallId: id, Error: &conclavev1.CallError{
		Code: uint32(f.status()), Message: f.message, Info: f.info,
	}})
	a.account(procedure, id, size, len(f.message))
	a.pipe.edge.metrics.unaryEnded(procedure.name, a.began, f.status().String())
}

func (a *answers) account(procedure *procedure, id uint64, size, bytes int) {
	if procedure.waits {
		a.pipe.waits.remove(id)
	}
	a.calls++
	a.size += size
	a.bytes += bytes
}

// encodeResponse encodes without reflection where the message can.
func encodeResponse(response proto.Message) ([]byte, error) {
	if m, ok := response.(wire.Message); ok {
		return wire.Append(nil, m)
	}
	data, err := proto.Marshal(response)
	if err != nil {
		return nil, fmt.Errorf("rpc: a response does not encode: %w", err)
	}
	return data, nil
}
