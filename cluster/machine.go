package cluster

import (
	"context"
	"errors"
	"io"
	"sync"

	dbsm "github.com/lni/dragonboat/v4/statemachine"
	"github.com/rs/zerolog"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Machine is the state machine of one replica, as far as the cluster needs it.
// Everything but Update, Sync and the snapshot methods may be called at any
// time from many goroutines.
type Machine interface {
	dbsm.IOnDiskStateMachine

	// Query answers from the state as it is now, and QueryAll answers many
	// questions from one moment, in order. An error is that of the rest of them.
	Query(ctx context.Context, q *logv1.Query) (*logv1.Answer, error)
	QueryAll(ctx context.Context, queries []*logv1.Query, answered func(i int, answer *logv1.Answer)) error
	// Applied is the index of the last applied entry, and WaitApplied waits
	// until it has reached index.
	Applied() uint64
	WaitApplied(ctx context.Context, index uint64) error
	// Epoch is the current epoch and Clock the log clock in milliseconds.
	Epoch() uint64
	Clock() int64
	// NextDue is the log clock at which the first timer is due; ok is false when
	// there is none. DueMoved holds a token when it may have moved, for one
	// reader. DueNamespaces are those with a timer due at a clock.
	NextDue() (ms int64, ok bool)
	DueMoved() <-chan struct{}
	DueNamespaces(clock int64) []uint32
	// Subscribe begins a subscription to committed events, and Watch a watch of
	// keys, which knows their history too.
	Subscribe(f feed.Filter) *feed.Subscription
	Watch(req feed.WatchRequest) (*feed.Watcher, error)
	// DiskBytes is the size of its files, PendingBytes what it has in memory and will
	// write, and KeyBytes about what the current versions of one key, or of the keys
	// in [key, rangeEnd), take on disk. Reclaim gives back the room of what was
	// deleted.
	DiskBytes() int64
	PendingBytes() int64
	KeyBytes(namespace uint32, key, rangeEnd []byte) int64
	Reclaim(ctx context.Context) error
	// Hash is the hash that ComputeHash made at index, if it is still known.
	Hash(index uint64) (hash string, ok bool)
}

// MachineConfig is what a replica's machine is made with.
type MachineConfig struct {
	Shard, Replica uint64
	// Dir is the machine's own directory; it may not exist yet.
	Dir string
	// Existing says that Dir has held a state before. A machine that finds none
	// has lost it, and must not begin a new one (promise S2).
	Existing bool
	// SyncEvery is after how many log entries Sync is called, about.
	SyncEvery uint64
	// Results must be called for every applied batch, in log order, after its
	// changes can be read and before Update returns.
	Results func(batchID uint64, results []*logv1.Result)
	Log     zerolog.Logger
}

// hosted is a Machine as Dragonboat sees it. It tells its shard what Dragonboat
// keeps to itself.
type hosted struct {
	Machine
	shard *shard

	// opened is closed after Open; openIndex and openErr are what it returned.
	opened    chan struct{}
	openIndex uint64
	openErr   error
	// mark is there before Open, and nil when the replica was not started.
	mark *appliedMark

	close sync.Once
}

func newHosted(m Machine, s *shard) *hosted {
	return &hosted{Machine: m, shard: s, opened: make(chan struct{})}
}

// Open keeps an error from Dragonboat, which would panic in a goroutine of its
// own. Start reports it and closes the NodeHost, and that ends the wait here.
func (h *hosted) Open(stop <-chan struct{}) (uint64, error) {
	index, err := h.Machine.Open(stop)
	h.openIndex, h.openErr = index, err
	close(h.opened)
	if err != nil {
		if !errors.Is(err, dbsm.ErrOpenStopped) {
			<-stop
		}
		return 0, dbsm.ErrOpenStopped
	}
	return index, nil
}

// Update notes how far it came.
func (h *hosted) Update(entries []dbsm.Entry) ([]dbsm.Entry, error) {
	out, err := h.Machine.Update(entries)
	if err == nil && len(entries) > 0 {
		err = h.mark.set(entries[len(entries)-1].Index)
	}
	return out, err
}

// RecoverFromSnapshot jumps over log entries, so batches of this node that are
// still undecided may have been among them.
func (h *hosted) RecoverFromSnapshot(r io.Reader, stop <-chan struct{}) error {
	err := h.Machine.RecoverFromSnapshot(r, stop)
	h.shard.batcher.abandon()
	return err
}

// Close is safe to call again: Dragonboat does not promise to call it at all.
func (h *hosted) Close() error {
	var err error
	h.close.Do(func() {
		err = h.Machine.Close()
		if h.mark != nil {
			err = errors.Join(err, h.mark.close())
		}
	})
	return err
}
