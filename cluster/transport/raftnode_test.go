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

// sum is a state machine that adds up what is proposed.
type sum struct{ total uint64 }

func (s *sum) Update(e dbsm.Entry) (dbsm.Result, error) {
	s.total += binary.BigEndian.Uint64(e.Cmd)
	return dbsm.Result{Value: s.total}, nil
}
func (s *sum) Lookup(any) (any, error) { return s.total, nil }
func (s *sum) SaveSnapshot(w io.Writer, _ dbsm.ISnapshotFileCollection, _ <-chan struct{}) error {
	return binary.Write(w, binary.BigEndian, s.total)
}
func (s *sum) RecoverFromSnapshot(r io.Reader, _ []dbsm.SnapshotFile, _ <-chan struct{}) error {
	return binary.Read(r, binary.BigEndian, &s.total)
}
func (s *sum) Close() error { return nil }

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
	err = n.host.StartReplica(members, join, func(uint64, uint64) dbsm.IStateMachine { return &sum{} }, config.Config{
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

// add proposes v through n and returns the sum after it. It retries what did
// not happen; a timeout is not retried because the sum would count it twice.
func (n *raftNode) add(t *testing.T, v uint64) uint64 {
	t.Helper()
	cmd := binary.BigEndian.AppendUint64(nil, v)
	var result dbsm.Result
	eventually(t, func() bool {
		if _, _, ok, _ := n.host.GetLeaderID(testShard); !ok {
			return false
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		result, err = n.host.SyncPropose(ctx, n.host.GetNoOPSession(testShard), cmd)
		if err != nil && !dragonboat.IsTempError(err) || err == dragonboat.ErrTimeout {
			t.Fatal(err)
		}
		return err == nil
	})
	return result.Value
}

func (n *raftNode) sum() uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	v, err := n.host.SyncRead(ctx, testShard, nil)
	if err != nil {
		return 0
	}
	return v.(uint64)
}
