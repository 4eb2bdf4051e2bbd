package transport

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/logger"
	dbsm "github.com/lni/dragonboat/v4/statemachine"
	"github.com/rs/zerolog"
)

func init() {
	for _, name := range []string{"dragonboat", "transport", "raft", "rsm", "logdb", "config", "raftpb", "grpc", "tests", "utils"} {
		logger.GetLogger(name).SetLevel(logger.CRITICAL)
	}
}

// flags is a state machine that collects the bits that are proposed.
type flags struct{ set uint64 }

func (s *flags) Update(e dbsm.Entry) (dbsm.Result, error) {
	s.set |= binary.BigEndian.Uint64(e.Cmd)
	return dbsm.Result{Value: s.set}, nil
}
func (s *flags) Lookup(any) (any, error) { return s.set, nil }
func (s *flags) SaveSnapshot(w io.Writer, _ dbsm.ISnapshotFileCollection, _ <-chan struct{}) error {
	return binary.Write(w, binary.BigEndian, s.set)
}
func (s *flags) RecoverFromSnapshot(r io.Reader, _ []dbsm.SnapshotFile, _ <-chan struct{}) error {
	return binary.Read(r, binary.BigEndian, &s.set)
}
func (s *flags) Close() error { return nil }

const testShard = 2

// raftNode is a node of a real cluster in this process.
type raftNode struct {
	self     Hello
	dir      string
	replica  uint64
	registry *Registry
	mux      *Mux
	host     *dragonboat.NodeHost
	addr     string
	chunks   atomic.Int32 // of snapshots that reached it
}

func newRaftNode(t *testing.T, replica uint64) *raftNode {
	n := &raftNode{
		self:     clusterNode(fmt.Sprintf("n%d", replica)),
		dir:      t.TempDir(),
		replica:  replica,
		registry: NewRegistry(),
	}
	t.Cleanup(n.stop)
	return n
}

// start runs the node at a new address.
func (n *raftNode) start(t *testing.T, members map[uint64]dragonboat.Target, join bool) {
	t.Helper()
	ln := listen(t)
	n.addr = ln.Addr().String()
	var err error
	if n.mux, err = Listen(MuxConfig{}, ln); err != nil {
		t.Fatal(err)
	}
	factory, err := NewFactory(n.mux, Config{Self: n.self, Registry: n.registry, Log: zerolog.Nop(),
		AcceptSnapshot: func(shardID, replicaID uint64) bool {
			n.chunks.Add(1)
			return shardID == testShard && replicaID == n.replica
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	logdb := config.GetTinyMemLogDBConfig()
	logdb.Shards = 1
	n.host, err = dragonboat.NewNodeHost(config.NodeHostConfig{
		DeploymentID:   n.self.ClusterID,
		NodeHostID:     nodeHostID(n.self),
		NodeHostDir:    n.dir,
		RTTMillisecond: 10,
		RaftAddress:    nodeHostID(n.self), // a label: the registry has the address
		Expert: config.ExpertConfig{
			LogDB:               logdb,
			Engine:              config.EngineConfig{ExecShards: 1, CommitShards: 1, ApplyShards: 1, SnapshotShards: 1, CloseShards: 1},
			TransportFactory:    factory,
			NodeRegistryFactory: n.registry,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = n.host.StartReplica(members, join, func(uint64, uint64) dbsm.IStateMachine { return &flags{} }, config.Config{
		ShardID: testShard, ReplicaID: n.replica, CheckQuorum: true, PreVote: true,
		ElectionRTT: 20, HeartbeatRTT: 2, OrderedConfigChange: false,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (n *raftNode) stop() {
	if n.host == nil {
		return
	}
	n.host.Close()
	_ = n.mux.Close()
	n.host = nil
}

// introduceAll tells every node where every node is.
func introduceAll(nodes []*raftNode) {
	for _, n := range nodes {
		for _, other := range nodes {
			n.registry.SetNode(nodeHostID(other.self), other.self.Name, other.addr)
		}
	}
}

// set proposes the flag v through n and returns all flags after it. Proposals
// that are forwarded to a dead leader get lost without a word, so it retries;
// flags may be set twice.
func (n *raftNode) set(t *testing.T, v uint64) uint64 {
	t.Helper()
	cmd := binary.BigEndian.AppendUint64(nil, v)
	var result dbsm.Result
	eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var err error
		result, err = n.host.SyncPropose(ctx, n.host.GetNoOPSession(testShard), cmd)
		return err == nil
	})
	return result.Value
}

func (n *raftNode) flags() uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	v, err := n.host.SyncRead(ctx, testShard, nil)
	if err != nil {
		return 0
	}
	return v.(uint64)
}
