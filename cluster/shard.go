package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// systemShard keeps the nodes and the namespaces.
const systemShard = 1

// maxDataShards is how many shards may carry namespaces.
const maxDataShards = 16

// dataShards are the ids of n data shards. They are even, so that Dragonboat,
// which shares two workers out by id, never lets them hold up the system shard.
func dataShards(n int) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(2 * (i + 1))
	}
	return ids
}

// shard is this node's replica of one shard, and the way to its leader.
type shard struct {
	id, replica uint64
	// alone says that there are no other replicas.
	alone   bool
	node    string
	machine *hosted
	batcher *batcher
	reads   *reads
	clock   *logClock
	raft    *dragonboat.NodeHost
	log     zerolog.Logger
	// started is set when Raft runs the replica.
	started atomic.Bool

	mu struct {
		sync.Mutex
		leader raftio.LeaderInfo
		// moved is closed, and replaced, whenever leader changes.
		moved chan struct{}
	}
}

func newShard(id, replica uint64, alone bool, room *room, cfg *Config, dir string, existing bool) *shard {
	s := &shard{
		id: id, replica: replica, alone: alone, node: cfg.Name,
		clock: newLogClock(),
		log:   cfg.Log.With().Uint64("shard", id).Logger(),
	}
	s.mu.moved = make(chan struct{})
	s.batcher = newBatcher(s.proposeEntry, s.clock, room, s.keyBytes, cfg)
	s.reads = newReads(s.readIndex, func() <-chan struct{} {
		_, moved := s.leader()
		return moved
	})
	s.machine = newHosted(cfg.NewMachine(MachineConfig{
		Shard: id, Replica: replica, Dir: dir, Existing: existing, SyncEvery: cfg.SnapshotEntries,
		Results: s.batcher.applied, Log: s.log,
	}), s)
	return s
}

// keyBytes is what the current versions of keys take on this replica's disk.
func (s *shard) keyBytes(namespace uint32, key, rangeEnd []byte) int64 {
	return s.machine.KeyBytes(namespace, key, rangeEnd)
}

// run starts the shard's goroutines; they end with ctx.
func (s *shard) run(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { s.rule(ctx) })
	wg.Go(func() { s.batcher.run(ctx) })
}

// proposalTimeout is when Dragonboat forgets a proposal that got nowhere. It
// decides nothing: see flight.dropped.
const proposalTimeout = time.Minute

func (s *shard) proposeEntry(data []byte) (proposal, error) {
	state, err := s.raft.Propose(s.raft.GetNoOPSession(s.id), data, proposalTimeout)
	if err != nil {
		return nil, err
	}
	return state, nil
}

// readIndex asks the leader for its commit index and waits until it is applied
// here. Without a leader, and right after an election, there is no answer.
func (s *shard) readIndex(ctx context.Context, moved <-chan struct{}) bool {
	state, err := s.raft.ReadIndex(s.id, readTimeout)
	if err != nil {
		return false
	}
	select {
	case result := <-state.ResultC():
		state.Release()
		return result.Completed()
	case <-moved: // the old leader may never answer
	case <-ctx.Done():
	}
	return false
}

// leaderUpdated records what Raft says. It is called in one goroutine for all
// shards and must not block.
func (s *shard) leaderUpdated(info raftio.LeaderInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.leader = info
	close(s.mu.moved)
	s.mu.moved = make(chan struct{})
}

// leader is the leader as far as this replica knows, and a channel that is
// closed when that changes.
func (s *shard) leader() (raftio.LeaderInfo, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.leader, s.mu.moved
}

// leads says whether this replica leads, as far as it knows.
func (s *shard) leads() bool {
	info, _ := s.leader()
	return info.LeaderID == s.replica
}

// query answers from this replica's state.
func (s *shard) query(ctx context.Context, opts ReadOptions, queries []*logv1.Query, answered func(int, *logv1.Answer)) error {
	if !opts.Serializable && !s.current() && !(planted.Bug != planted.None && s.readsWithoutRound()) {
		if err := s.reads.wait(ctx); err != nil {
			return err
		}
	}
	if opts.MinIndex > s.machine.Applied() {
		if err := s.machine.WaitApplied(ctx, opts.MinIndex); err != nil {
			return s.unavailable(ctx, err)
		}
	}
	return s.machine.QueryAll(ctx, queries, answered)
}

// current says whether this replica certainly has applied everything that was
// acknowledged, so that a linearizable read need not ask Raft. The only replica
// there is acknowledges after it has applied; after a start it must have applied
// the log first, whose end is its claim.
func (s *shard) current() bool { return s.alone && s.batcher.serves() }

// readsWithoutRound makes linearizable reads of what this replica happens to have.
// In mutant_03 a follower answers like that, as etcd 0.4 and Consul did in 2014: a
// cut off or late one serves the past. In mutant_04 it is the node that believes to
// lead, without asking a majority (etcd #20418): after a pause, or behind a
// partition, another one leads and has written.
func (s *shard) readsWithoutRound() bool {
	return planted.Bug == planted.FollowerReadsLocally && !s.leads() ||
		planted.Bug == planted.LeaderTrustsItself && s.leads() && s.batcher.serves()
}

// unavailable is err as a caller may see it.
func (s *shard) unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ErrUnavailable
	}
	return err
}
