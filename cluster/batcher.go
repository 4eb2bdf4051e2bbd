package cluster

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/rs/zerolog"
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
	room             *room
	// keyBytes is what the current versions of keys take on disk.
	keyBytes func(namespace uint32, key, rangeEnd []byte) int64

	// wake holds a token when run may have something to do.
	wake chan struct{}
	// buffer is for who proposes: who has set mu.proposing.
	buffer []byte

	mu struct {
		sync.Mutex
		accepting, serving, stopped bool
		// held keeps everybody from proposing, for a leader transfer.
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

func newBatcher(propose func([]byte) (proposal, error), clock *logClock, room *room,
	keyBytes func(namespace uint32, key, rangeEnd []byte) int64, cfg *Config) *batcher {
	b := &batcher{
		propose:  propose,
		clock:    clock,
		log:      cfg.Log,
		maxOps:   cfg.MaxQueuedOps,
		maxBytes: cfg.MaxQueuedBytes,
		room:     room,
		keyBytes: keyBytes,
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

// serves says whether the epoch is claimed.
func (b *batcher) serves() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.serving
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

func (b *batcher) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// wallMS is what humans are shown; nothing is decided by it.
func wallMS() int64 { return time.Now().UnixMilli() }
