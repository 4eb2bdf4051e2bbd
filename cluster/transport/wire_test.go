package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/lni/dragonboat/v4/raftpb"
)

// The bytes of version 1. They may never change: nodes of two releases meet
// during an upgrade.
func TestHandshakeBytes(t *testing.T) {
	self := Hello{ClusterID: 1, Incarnation: 2, Generation: 3, Name: "n1"}
	hello := sealHandshake([]byte(magic), kindHello, self.appendTo)
	reply := sealHandshake(nil, kindAnswer, answer{verdict: refused, reason: "no", from: self}.appendTo)
	const body = "0000000000000001" + "0000000000000002" + "0000000000000003" + "0002" + "6e31"
	for _, c := range []struct{ name, got, want string }{
		{"hello", hex.EncodeToString(hello), "434e434c5652310a" + "0101001c" + body + "2ff7ff7b"},
		{"answer", hex.EncodeToString(reply), "01020021" + "02" + "0002" + "6e6f" + body + "33dc2107"},
	} {
		if c.got != c.want {
			t.Errorf("%s is\n%s, want\n%s", c.name, c.got, c.want)
		}
	}
}

func TestHandshakeRoundTrip(t *testing.T) {
	want := answer{verdict: notNow, reason: strings.Repeat("r", 2*maxReasonLen), from: Hello{
		ClusterID: 1 << 63, Incarnation: 5, Generation: 6, Name: strings.Repeat("n", maxNameLen),
	}}
	body, err := readHandshake(bytes.NewReader(sealHandshake(nil, kindAnswer, want.appendTo)), kindAnswer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseAnswer(append(body, "of a later version"...))
	if err != nil {
		t.Fatal(err)
	}
	want.reason = want.reason[:maxReasonLen]
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Error(diff)
	}
	for n := range body {
		if n >= len(body)-len("of a later version") {
			break
		}
		if _, err := parseAnswer(body[:n]); err == nil {
			t.Fatalf("an answer cut at %d of %d was accepted", n, len(body))
		}
	}
}

func TestFrameHeaderBytes(t *testing.T) {
	f := append(make([]byte, frameHeaderLen), "payload"...)
	frameHeader(f, chunkFrame)
	if got, want := hex.EncodeToString(f[:frameHeaderLen]), "02"+"00000007"+"fc071b24"; got != want {
		t.Errorf("frame header is %s, want %s", got, want)
	}
}

// A length is a claim: memory is taken only for bytes that arrived.
func TestClaimedLengthCostsNothing(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		header := make([]byte, frameHeaderLen)
		header[0] = byte(batchFrame)
		binary.BigEndian.PutUint32(header[1:], maxBatchLen)
		_, _ = there.Write(append(header, "only this"...))
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := newFrameReader(here).next()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("next: %v", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("a claim of 65 MiB cost %d bytes", grown)
	}
}

func TestVetMessage(t *testing.T) {
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

func FuzzDecode(f *testing.F) {
	batch := testBatch(clusterNode("n1"))
	payload, err := batch.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	chunk := testChunk(0)
	chunkPayload, err := chunk.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add(chunkPayload)
	f.Add(sealHandshake(nil, kindHello, clusterNode("n1").appendTo))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeBatch(b)
		if c, err := decodeChunk(b); err == nil {
			_ = new(chunkOrder).vet(c)
		}
		if body, err := readHandshake(bytes.NewReader(b), kindHello); err == nil {
			_, _ = parseHello(body)
		}
		_, _ = parseAnswer(b)
	})
}
