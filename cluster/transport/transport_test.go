package transport

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pb "github.com/lni/dragonboat/v4/raftpb"
)

// sameMessage compares messages by what travels.
var sameMessage = cmp.Options{cmpopts.IgnoreUnexported(pb.Snapshot{}), cmpopts.EquateEmpty()}

func TestBatchArrivesUnchanged(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil).knows(a)
	a.knows(b)

	got := a.mustReach(t, b)
	if diff := cmp.Diff(testBatch(a.self), got, sameMessage); diff != "" {
		t.Errorf("batch changed on the way (-sent +got):\n%s", diff)
	}
}

// Dragonboat learns replica locations from SourceAddress. A peer must not be
// able to say where somebody else's replica is.
func TestRegressionDragonboatAddressPoisoning(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil).knows(a)
	c := startPeer(t, clusterNode("n3"), nil)
	a.knows(b)
	b.knows(c)

	conn, err := a.dial(t, b)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, source := range []Hello{c.self, clusterNode("n9")} {
		if err := conn.SendMessageBatch(testBatch(source)); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, b.batches); got.SourceAddress != "" {
			t.Errorf("source address %s of %s was delivered from n1", got.SourceAddress, source.Name)
		}
	}
}

func TestLargeBatchArrives(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)

	conn, err := a.dial(t, b)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	batch := testBatch(a.self)
	batch.Requests[0].Entries[0].Cmd = bytes.Repeat([]byte("x"), 9<<20)
	if err := conn.SendMessageBatch(batch); err != nil {
		t.Fatal(err)
	}
	got := receive(t, b.batches)
	if !bytes.Equal(got.Requests[0].Entries[0].Cmd, batch.Requests[0].Entries[0].Cmd) {
		t.Error("a large batch was damaged")
	}
	batch.Requests[0].Entries[0].Cmd = make([]byte, maxBatchLen)
	if err := conn.SendMessageBatch(batch); err == nil {
		t.Error("a batch over the limit was sent")
	}
}

func TestSnapshotChunksArriveInOrder(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), func(_ *MuxConfig, c *Config) { c.SnapshotBytesPerSecond = 1 << 30 })
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn, err := a.trans.GetSnapshotConnection(ctx, b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range uint64(3) {
		if err := conn.SendChunk(testChunk(i)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(testChunk(i), receive(t, b.chunks), sameMessage); diff != "" {
			t.Errorf("chunk %d (-sent +got):\n%s", i, diff)
		}
	}
}

func TestSnapshotForAbsentReplicaIsNotDelivered(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), func(_ *MuxConfig, c *Config) {
		c.AcceptSnapshot = func(shardID, _ uint64) bool { return shardID != testChunk(0).ShardID }
	})
	a.knows(b)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn, err := a.trans.GetSnapshotConnection(ctx, b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SendChunk(testChunk(0)); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, conn.(*peerConn))
	if len(b.chunks) != 0 {
		t.Error("Dragonboat saw a chunk for a replica that does not run here")
	}
}

// A send must fail soon after the peer went away, not one batch later.
func TestConnectionEndsWithThePeer(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)
	conn, err := a.dial(t, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.trans.Close(); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, conn.(*messageConn).peerConn)
	if err := conn.SendMessageBatch(testBatch(a.self)); err == nil {
		t.Error("a batch was sent on a connection that the peer closed")
	}
	if _, err := a.dial(t, b); err == nil {
		t.Error("connected to a node whose Raft is closed")
	}
}

func TestOwnCloseEndsDialedConnections(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)
	conn, err := a.dial(t, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.trans.Close(); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, conn.(*messageConn).peerConn)
	if _, err := a.dial(t, b); err == nil {
		t.Error("a closed transport dialed")
	}
}

func awaitEnd(t *testing.T, c *peerConn) {
	t.Helper()
	receive(t, c.life.Done())
}

func testChunk(i uint64) pb.Chunk {
	return pb.Chunk{
		ShardID: 2, ReplicaID: 2, From: 1, Index: 30, Term: 3, BinVer: 210, DeploymentId: 7,
		ChunkId: i, FileChunkId: i, ChunkCount: 3, FileChunkCount: 3,
		Filepath: "/data/snapshot-000000000000001E.gbsnap",
		Data:     bytes.Repeat([]byte{byte(i)}, snapshotHeaderLen),
		Membership: pb.Membership{
			Addresses:  map[uint64]string{1: "n1", 2: "n2"},
			NonVotings: map[uint64]string{},
			Witnesses:  map[uint64]string{},
			Removed:    map[uint64]bool{},
		},
	}
}

// The connection for messages goes on over a restart of the peer.
func TestConnectionOutlivesARestartOfThePeer(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil).knows(a)
	a.knows(b)
	conn, err := a.dial(t, b)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		if err := conn.SendMessageBatch(testBatch(a.self)); err != nil {
			t.Fatalf("send: %v", err)
		}
		receive(t, b.batches)
		b.restart(t)
		<-conn.(*messageConn).life.Done() // a has noticed
	}
}
