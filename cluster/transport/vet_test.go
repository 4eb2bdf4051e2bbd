package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	pb "github.com/lni/dragonboat/v4/raftpb"
)

func TestRegressionDragonboatInvalidMessages(t *testing.T) {
	for name, change := range map[string]func(*pb.Message){
		"no receiver":  func(m *pb.Message) { m.To = 0 },
		"no sender":    func(m *pb.Message) { m.From = 0 },
		"no shard":     func(m *pb.Message) { m.ShardID = 0 },
		"local":        func(m *pb.Message) { m.Type = pb.LocalTick },
		"unreachable":  func(m *pb.Message) { m.Type = pb.Unreachable },
		"snapshot":     func(m *pb.Message) { m.Type = pb.InstallSnapshot },
		"unknown type": func(m *pb.Message) { m.Type = 99 },
		"snapshot with files": func(m *pb.Message) {
			for range 100 {
				m.Snapshot.Files = append(m.Snapshot.Files, &pb.SnapshotFile{Filepath: "0123456789"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			batch := testBatch(clusterNode("n1"))
			change(&batch.Requests[0])
			payload, err := batch.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeBatch(payload); !errors.Is(err, errBadFrame) {
				t.Errorf("decode: %v", err)
			}
		})
	}
}

func TestDenseBatchIsRefused(t *testing.T) {
	empty := bytes.Repeat([]byte{0x0a, 0x00}, 1000)
	entries := bytes.Repeat([]byte{0x5a, 0x01, 0x7f}, 1000)
	nested := binary.AppendUvarint([]byte{0x0a}, uint64(len(entries)))
	for name, payload := range map[string][]byte{"messages": empty, "entries": append(nested, entries...)} {
		if _, err := decodeBatch(payload); !errors.Is(err, errBadFrame) || !strings.Contains(err.Error(), "more messages") {
			t.Errorf("%s: %v", name, err)
		}
	}
	real := testBatch(clusterNode("n1"))
	for range 2000 {
		real.Requests = append(real.Requests, pb.Message{Type: pb.HeartbeatResp, ShardID: 1, From: 1, To: 2})
		real.Requests[0].Entries = append(real.Requests[0].Entries, pb.Entry{Term: 1, Index: 1, ClientID: 1 << 60, Cmd: []byte("0123")})
	}
	payload, err := real.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeBatch(payload); err != nil {
		t.Errorf("a batch of small real messages: %v", err)
	}
}

func TestChunkOrder(t *testing.T) {
	for name, c := range map[string]struct {
		before int // good chunks before
		change func(*pb.Chunk)
	}{
		"starts late":      {0, func(c *pb.Chunk) { c.ChunkId = 1 }},
		"short header":     {0, func(c *pb.Chunk) { c.Data = c.Data[1:] }},
		"parent directory": {0, func(c *pb.Chunk) { c.Filepath = "/x/.." }},
		"flag file":        {0, func(c *pb.Chunk) { c.Filepath = "dragonboat.snapshot.message" }},
		"no index":         {0, func(c *pb.Chunk) { c.Index = 0 }},
		"gap":              {1, func(c *pb.Chunk) { c.ChunkId = 2 }},
		"repeated":         {2, func(c *pb.Chunk) { c.ChunkId = 1 }},
		"other shard":      {1, func(c *pb.Chunk) { c.ShardID = 4 }},
		"other file":       {1, func(c *pb.Chunk) { c.Filepath = "external-file-1" }},
		"file gap":         {1, func(c *pb.Chunk) { c.FileChunkId = 7 }},
	} {
		t.Run(name, func(t *testing.T) {
			var order chunkOrder
			for i := range c.before {
				if err := order.vet(testChunk(uint64(i))); err != nil {
					t.Fatal(err)
				}
			}
			chunk := testChunk(uint64(c.before))
			change := chunk
			c.change(&change)
			if err := order.vet(change); !errors.Is(err, errBadFrame) {
				t.Errorf("vet: %v", err)
			}
			if err := order.vet(chunk); err != nil {
				t.Errorf("the chunk that belongs there: %v", err)
			}
		})
	}
	var order chunkOrder
	second := testChunk(1)
	second.FileChunkId, second.Filepath, second.HasFileInfo = 0, "external-file-1", true
	for i, chunk := range []pb.Chunk{testChunk(0), second} {
		if err := order.vet(chunk); err != nil {
			t.Errorf("file %d of a snapshot: %v", i, err)
		}
	}
}
