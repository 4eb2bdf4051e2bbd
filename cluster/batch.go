package cluster

import (
	"errors"
	"fmt"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// errNotApplied says that a command certainly was not and will not be applied
// as it was proposed. It never leaves this package: the command is tried again.
var errNotApplied = errors.New("not applied")

// A batch takes up to maxBatchOps commands and maxBatchBytes; a command that is
// larger goes alone.
const (
	maxBatchOps     = 1000
	maxBatchBytes   = 1 << 20
	maxCommandBytes = 16 << 20
)

// batch is the commands of one log entry, and the place where their callers
// wait together.
//
//	filling ──▶ in flight ──▶ decided
//	    └───── leader lost ──────▲
type batch struct {
	// commands are encoded; nil is one whose caller gave up while it was
	// filling. Guarded by batcher.mu until the batch is taken to be proposed.
	commands [][]byte
	bytes    int
	// epoch and id are of the header; set before the batch is in flight. taken
	// says that it is not filling any more; guarded by batcher.mu.
	epoch, id uint64
	taken     bool

	// done is closed when the batch is decided: results has one result per
	// command that was not given up, or err says why there is none.
	done    chan struct{}
	results []*logv1.Result
	err     error
}

func newBatch() *batch {
	return &batch{done: make(chan struct{})}
}

// fits says whether a command may join.
func (b *batch) fits(size int) bool {
	return len(b.commands) == 0 || len(b.commands) < maxBatchOps && b.bytes+size <= maxBatchBytes
}

func (b *batch) add(command []byte) place {
	b.commands = append(b.commands, command)
	b.bytes += len(command)
	return place{batch: b, slot: len(b.commands) - 1}
}

// encode appends the log entry of the batch to dst.
func (b *batch) encode(dst []byte, header *logv1.Header) []byte {
	dst = entry.AppendHeader(dst, header)
	for _, command := range b.commands {
		if command != nil {
			dst = entry.AppendEncoded(dst, command)
		}
	}
	return dst
}

// decide ends the wait of all callers. It is called once.
func (b *batch) decide(results []*logv1.Result, err error) {
	b.results, b.err = results, err
	close(b.done)
}

// outcome is what became of the command in a slot. The batch must be decided.
func (b *batch) outcome(slot int) (*logv1.Result, error) {
	if b.err != nil {
		return nil, b.err
	}
	at := slot
	if len(b.results) < len(b.commands) {
		at = live(b.commands[:slot])
	}
	if at >= len(b.results) {
		return nil, ErrOutcomeUnknown
	}
	result := b.results[at]
	if result.GetRefusal().GetReason() == logv1.Reason_REASON_STALE_EPOCH {
		return nil, errNotApplied
	}
	return result, nil
}

// encodeCommand encodes a command. Generated messages without invalid text
// always encode.
func encodeCommand(command *logv1.Command) []byte {
	data, err := command.MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("cluster: a command does not encode: %v", err))
	}
	return data
}

// live counts the commands that were not given up.
func live(commands [][]byte) int {
	n := 0
	for _, command := range commands {
		if command != nil {
			n++
		}
	}
	return n
}

// place is where one caller's command is.
type place struct {
	batch *batch
	slot  int
}
