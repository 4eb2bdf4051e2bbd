package cluster

import (
	"errors"
	"fmt"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// What a call can fail with. After all but ErrOutcomeUnknown nothing has
// happened and the caller may try again.
var (
	// ErrNoLeader says that the shard had no leader until the call's deadline.
	ErrNoLeader = errors.New("no leader: a majority of the nodes is needed")
	// ErrUnavailable says that the call could not be served until its deadline.
	ErrUnavailable = errors.New("not available")
	// ErrStopped says that this node is stopping.
	ErrStopped = fmt.Errorf("%w: this node is stopping", ErrUnavailable)
	// ErrOverloaded says that too many commands wait already.
	ErrOverloaded = errors.New("overloaded: too many commands are waiting")
	// ErrNoSpace says that the command would make the state larger, or delete much at
	// once, and that some node's disk has too little room for that.
	ErrNoSpace = errors.New("no space: the disk of a node has too little room")
	// ErrTooLarge says that a command does not fit in a log entry.
	ErrTooLarge = errors.New("the command is too large")
	// ErrOutcomeUnknown says that the command may have been applied, or may
	// still be. Only a command with a request id can be tried again safely.
	ErrOutcomeUnknown = errors.New("outcome unknown: the command may have been applied")
	// ErrNoShard says that there is no such shard.
	ErrNoShard = errors.New("no such shard")
)

// RefusedError is a refusal in a place where there is no result to carry it.
type RefusedError struct {
	Refusal *logv1.Refusal
}

func (e *RefusedError) Error() string {
	if e.Refusal.GetDetail() != "" {
		return e.Refusal.GetDetail()
	}
	return "refused: " + e.Refusal.GetReason().String()
}

func refused(reason logv1.Reason, format string, args ...any) error {
	return &RefusedError{Refusal: &logv1.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}}
}
