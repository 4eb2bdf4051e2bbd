package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	dbsm "github.com/lni/dragonboat/v4/statemachine"

	"github.com/conclavehq/conclave/cluster/logfile"
	"github.com/conclavehq/conclave/cluster/transport"
)

// The engine's settings that are fixed once a directory exists: Dragonboat
// refuses a directory that was made with others.
const (
	execWorkers = 2
	logDBShards = 1
)

// startRaft opens the Raft log and this node's replicas.
func (c *Cluster) startRaft(ctx context.Context) error {
	if c.id.Complete {
		if err := checkComplete(c.cfg.Dir, &c.id); err != nil {
			return err
		}
	}
	if err := adoptHostname(c.cfg.Dir); err != nil {
		return err
	}
	for _, id := range c.id.shards() {
		c.shards[id] = newShard(id, c.id.ReplicaID, len(c.id.Members) == 1, &c.room, &c.cfg,
			machineDir(c.cfg.Dir, id, c.id.ReplicaID), c.id.Complete)
	}
	c.directory.seed()
	if c.id.Join {
		c.learnNodes(ctx)
	}
	if err := c.openRaft(); err != nil {
		return err
	}
	for _, id := range c.id.shards() {
		if err := c.startReplica(ctx, c.shards[id]); err != nil {
			return err
		}
	}
	if c.id.Complete {
		return nil
	}
	whole := c.id // c.id itself is read by others already
	whole.Complete = true
	return whole.save(c.cfg.Dir)
}

// openRaft makes the NodeHost. What is wrong with its files it tells by an error
// or by a panic.
func (c *Cluster) openRaft() (err error) {
	if c.history, err = beginStart(c.cfg.Dir); err != nil {
		return err
	}
	factory, err := transport.NewFactory(c.mux, transport.Config{
		Self: transport.Hello{
			ClusterID: c.id.ClusterID, Name: c.id.Name,
			Incarnation: c.id.Incarnation, Generation: c.id.Generation,
			Start: c.history.Count, Starts: c.history.Nonces,
		},
		Registry: c.registry,
		Admit:    c.directory.admit,
		Dial:     c.cfg.Dial,
		OnRefused: func(peer transport.Hello, reason string) {
			c.history.withdraw(c.cfg.Dir)
			c.fatal(fmt.Errorf("node %q refuses this node: %s", peer.Name, reason))
		},
		AcceptSnapshot: func(shard, replica uint64) bool {
			s := c.shards[shard]
			return s != nil && s.replica == replica && s.started.Load()
		},
		SnapshotBytesPerSecond: c.cfg.SnapshotBytesPerSecond,
		Log:                    c.log,
	})
	if err != nil {
		return err
	}
	if err := checkSnapshots(c.cfg.Dir); err != nil {
		return err
	}
	engineWrite.Store(nil)
	defer func() {
		if r := recover(); r != nil {
			c.log.Debug().Bytes("stack", debug.Stack()).Msg("the Raft log does not open")
			err = whyUnopened(c.cfg.Dir, fmt.Sprint(r))
		}
	}()
	raft, err := dragonboat.NewNodeHost(c.hostConfig(factory))
	if err != nil {
		return fmt.Errorf("cannot open the Raft log in %s: %w", c.cfg.Dir, err)
	}
	if raft == nil { // NewNodeHost swallowed a panic
		return whyUnopened(c.cfg.Dir, fault())
	}
	c.raft = raft
	for _, s := range c.shards {
		s.raft = raft
	}
	return nil
}

func (c *Cluster) hostConfig(factory *transport.Factory) config.NodeHostConfig {
	logDB := config.GetTinyMemLogDBConfig()
	logDB.Shards = logDBShards
	logDB.KVWriteBufferSize = logfile.BufferBytes
	return config.NodeHostConfig{
		DeploymentID:        c.id.ClusterID,
		NodeHostID:          nodeHostID(c.id.ClusterID, c.id.Name, c.id.Generation),
		NodeHostDir:         filepath.Join(c.cfg.Dir, raftDir),
		RTTMillisecond:      uint64(c.cfg.Tick.Milliseconds()),
		RaftAddress:         c.cfg.AdvertisePeerURL,
		MaxSendQueueSize:    64 << 20,
		MaxReceiveQueueSize: 64 << 20,
		EnableMetrics:       true,
		RaftEventListener:   leaderEvents{c.shards},
		Expert: config.ExpertConfig{
			LogDB:               logDB,
			TransportFactory:    factory,
			NodeRegistryFactory: c.registry,
			Engine: config.EngineConfig{
				ExecShards: execWorkers, CommitShards: 2, ApplyShards: 2, SnapshotShards: 4, CloseShards: 4,
			},
		},
	}
}

// startReplica starts this node's replica of a shard and waits until its state
// is open.
func (c *Cluster) startReplica(ctx context.Context, s *shard) error {
	var members map[uint64]string
	join := false
	switch known := c.raft.HasNodeInfo(s.id, s.replica); {
	case known:
	case c.id.Complete:
		return c.id.lost(fmt.Sprintf("the Raft log in %s has nothing of shard %d", c.cfg.Dir, s.id))
	case c.id.Join:
		join = true
	default:
		members = make(map[uint64]string)
		for i, name := range c.id.Members {
			members[uint64(i+1)] = nodeHostID(c.id.ClusterID, name, 1)
		}
	}
	mark, err := openMark(machineDir(c.cfg.Dir, s.id, s.replica) + ".applied")
	if err != nil {
		return fmt.Errorf("cannot open the state of shard %d: %w", s.id, err)
	}
	s.machine.mark = mark
	err = c.raft.StartOnDiskReplica(members, join,
		func(uint64, uint64) dbsm.IOnDiskStateMachine { return s.machine },
		config.Config{
			ShardID: s.id, ReplicaID: s.replica,
			CheckQuorum: true, PreVote: true, OrderedConfigChange: true,
			HeartbeatRTT: c.cfg.HeartbeatTicks, ElectionRTT: c.cfg.ElectionTicks,
			SnapshotEntries: c.cfg.SnapshotEntries, CompactionOverhead: c.cfg.CompactionOverhead,
			SnapshotCompressionType: config.Snappy,
			MaxInMemLogSize:         128 << 20,
		})
	if err != nil {
		return fmt.Errorf("cannot start shard %d: %w", s.id, err)
	}
	s.started.Store(true)
	select {
	case <-s.machine.opened:
	case <-ctx.Done():
		return fmt.Errorf("cannot open the state of shard %d in time: %w", s.id, ctx.Err())
	}
	if s.machine.openErr != nil {
		return fmt.Errorf("cannot open the state of shard %d in %s: %w", s.id,
			machineDir(c.cfg.Dir, s.id, s.replica), s.machine.openErr)
	}
	return c.checkLog(s)
}

// checkLog finds out whether the Raft log lost its end, as it does when the file
// that was written last is damaged: the engine takes that for a write that a
// crash cut short. Nothing is applied that is not in the log, so a state or a mark
// that is ahead of the log proves it (promise S2).
func (c *Cluster) checkLog(s *shard) error {
	reader, err := c.raft.GetLogReader(s.id)
	if err != nil {
		return fmt.Errorf("cannot read the Raft log of shard %d: %w", s.id, err)
	}
	applied := max(s.machine.openIndex, s.machine.mark.found)
	if _, last := reader.GetRange(); last < applied {
		return c.id.lost(fmt.Sprintf("the Raft log in %s ends at entry %d of shard %d, whose state has come to entry %d",
			c.cfg.Dir, last, s.id, applied))
	}
	return nil
}

// leaderEvents passes on who leads. Dragonboat calls it in one goroutine.
type leaderEvents struct{ shards map[uint64]*shard }

// LeaderUpdated implements raftio.IRaftEventListener.
func (e leaderEvents) LeaderUpdated(info raftio.LeaderInfo) {
	if s := e.shards[info.ShardID]; s != nil {
		s.leaderUpdated(info)
	}
}
