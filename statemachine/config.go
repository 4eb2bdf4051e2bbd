package statemachine

import (
	"errors"

	"github.com/rs/zerolog"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/store"
)

// FormatVersion is the version of everything in a replica's directory.
const FormatVersion = 1

// ErrClosed is returned by calls on a machine that is not open.
var ErrClosed = errors.New("statemachine: the replica is not open")

// Config says which replica a Machine is.
type Config struct {
	// Shard and Replica name the replica, as Raft does.
	Shard, Replica uint64

	// Dir is the directory of this replica alone. It is created when it does
	// not exist.
	Dir string

	// Existing says that Dir has held a state before: when there is none, Open
	// fails instead of beginning a new one.
	Existing bool

	// Store are the settings of the DB; the zero value works.
	Store store.Options

	// SyncEvery is after how many log entries Sync is called, about. The machine
	// begins to write shortly before, because Update waits while Sync does; 0: it
	// does not.
	SyncEvery uint64

	// FeedBuffer is how many events a subscription may have pending; zero means
	// feed.DefaultBuffer.
	FeedBuffer int

	// Results is called in Update, after the commit, once for each entry, with
	// the result of each of its commands in their order. It must not block. The
	// batch id is the entry header's; entries that other processes proposed are
	// reported too, so ids must be unique among the proposers of a shard. nil:
	// nobody waits for results.
	Results func(batchID uint64, results []*logv1.Result)

	// Log receives what the operator should know; the zero value drops it.
	Log zerolog.Logger
}
