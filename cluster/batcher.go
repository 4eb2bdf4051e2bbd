package cluster

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/rs/zerolog"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// maxInFlight is how many entries of one shard are proposed and not yet
// applied. While they are, the next batch fills: under load entries become
// large, and alone a command waits for nothing.
const maxInFlight = 1

// proposal is what Raft has to say of an entry that it took.
type proposal interface {
	ResultC() chan dragonboat.RequestResult
	Release()
}

// batcher makes log entries of the commands that come to the leader of a shard.
//
//	closed ──open──▶ accepting ──serve──▶ serving ──shut──▶ closed
//
// It accepts while the epoch is being claimed, so that nobody is turned away
// in that moment, and proposes only when it is serving.
type batcher struct {
	propose func(data []byte) (proposal, error)
	clock   *logClock
	log     zerolog.Logger

	maxOps, maxBytes int

	// wake holds a token when run may have something to do.
	wake chan struct{}
	// buffer is for who proposes: who has set mu.proposing.
	buffer []byte

	mu struct {
		sync.Mutex
		accepting, serving, stopped bool
		// held keeps run from proposing, for a leader transfer.
		held bool

		epoch      uint64
		nextID     uint64
		queue      []*batch // the last one is filling
		ops, bytes int      // of the queue

		// undecided are the batches that were proposed, by id. A batch stays
		// here after its epoch is lost, until the log tells what became of it.
		undecided map[uint64]*batch

		// proposing says that somebody proposes, and nobody else may. It is run
		// when there is a stalled batch.
		proposing bool
		stalled   *stalled
		// flights are the undecided batches of this epoch that Raft has taken;
		// looking says that run looks after them.
		flights []flight
		looking bool
	}
}

func newBatcher(propose func([]byte) (proposal, error), clock *logClock, cfg *Config) *batcher {
	b := &batcher{
		propose:  propose,
		clock:    clock,
		log:      cfg.Log,
		maxOps:   cfg.MaxQueuedOps,
		maxBytes: cfg.MaxQueuedBytes,
		wake:     make(chan struct{}, 1),
	}
	// Ids must not meet those of another node, nor those of an earlier process
	// of this one, whose entries may be replayed.
	b.mu.nextID = rand.Uint64()
	b.mu.undecided = make(map[uint64]*batch)
	return b
}

// open begins to accept commands for an epoch that is about to be claimed.
func (b *batcher) open(epoch uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.accepting, b.mu.serving, b.mu.epoch = !b.mu.stopped, false, epoch
}

// serve begins to propose: the epoch is claimed.
func (b *batcher) serve() {
	b.mu.Lock()
	b.mu.serving = b.mu.accepting
	b.mu.Unlock()
	b.signal()
}

// hold keeps what comes in the queue while it is true.
func (b *batcher) hold(held bool) {
	b.mu.Lock()
	b.mu.held = held
	b.mu.Unlock()
	b.signal()
}

// drained says whether everything that was proposed is decided.
func (b *batcher) drained() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mu.undecided) == 0
}

// shut ends an epoch. Commands that were not proposed go back to their callers;
// what was is decided by the log.
func (b *batcher) shut() {
	b.mu.Lock()
	queue := b.shutLocked()
	b.mu.Unlock()
	for _, batch := range queue {
		batch.decide(nil, errNotApplied)
	}
	b.signal()
}

func (b *batcher) shutLocked() []*batch {
	queue := b.mu.queue
	for _, batch := range queue {
		batch.taken = true
	}
	b.mu.queue, b.mu.ops, b.mu.bytes = nil, 0, 0
	b.mu.flights = nil
	b.mu.accepting, b.mu.serving = false, false
	return queue
}

// stop ends everything: nobody will hear from the log any more.
func (b *batcher) stop() {
	b.mu.Lock()
	b.mu.stopped = true
	b.mu.Unlock()
	b.shut()
	b.abandon()
}

// abandon gives up on learning what became of the proposed batches.
func (b *batcher) abandon() {
	b.decideWhere(ErrOutcomeUnknown, func(*batch) bool { return true })
}

// claimed is called, in log order, when a claim of an epoch was applied: what
// was proposed under an earlier one and has not been applied will be refused.
// That is promise T2 seen from the side of the deposed leader, and it turns
// "unknown" into "try again".
func (b *batcher) claimed(epoch uint64) {
	b.decideWhere(errNotApplied, func(batch *batch) bool { return batch.epoch < epoch })
}

// refuse decides a batch that Raft did not take.
func (b *batcher) refuse(batch *batch) {
	b.mu.Lock()
	_, undecided := b.mu.undecided[batch.id]
	delete(b.mu.undecided, batch.id)
	b.landedLocked(batch)
	b.mu.Unlock()
	if undecided {
		batch.decide(nil, errNotApplied)
	}
}

func (b *batcher) decideWhere(err error, match func(*batch) bool) {
	b.mu.Lock()
	var decided []*batch
	for id, batch := range b.mu.undecided {
		if match(batch) {
			decided = append(decided, batch)
			delete(b.mu.undecided, id)
			b.landedLocked(batch)
		}
	}
	b.mu.Unlock()
	for _, batch := range decided {
		batch.decide(nil, err)
	}
	b.signal()
}

// applied is called, in log order, with the results of every batch of the
// shard, this node's or not. The next entry is on its way to the disk before
// the callers of this one wake up.
func (b *batcher) applied(id uint64, results []*logv1.Result) {
	for _, result := range results {
		if claim := result.GetClaimEpoch(); claim != nil && result.GetRefusal() == nil {
			defer b.claimed(claim.GetEpoch())
		}
	}
	b.mu.Lock()
	batch := b.mu.undecided[id]
	if batch != nil {
		delete(b.mu.undecided, id)
		b.landedLocked(batch)
	}
	b.mu.Unlock()
	if batch != nil {
		b.pump()
		batch.decide(results, nil)
	}
}

func (b *batcher) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// wallMS is what humans are shown; nothing is decided by it.
func wallMS() int64 { return time.Now().UnixMilli() }
