package transport

import (
	"errors"
	"fmt"
	"path"
	"regexp"

	pb "github.com/lni/dragonboat/v4/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
)

// Dragonboat trusts what its transport delivers and panics, for the whole
// process, on what cannot happen among correct peers. This file keeps from it
// what can be told apart without knowing the state of a replica.

// decodeBatch unmarshals and vets a batch. It is the only place where a panic
// is caught: Dragonboat's decoders panic on some truncated input, and nothing
// has happened yet. The handlers run outside, because a panic there may be a
// failed disk (Promise S3).
func decodeBatch(payload []byte) (batch pb.MessageBatch, err error) {
	if err := checkDensity(payload); err != nil {
		return pb.MessageBatch{}, err
	}
	if err := guard(func() error { return batch.Unmarshal(payload) }); err != nil {
		return pb.MessageBatch{}, err
	}
	for i := range batch.Requests {
		if err := vetMessage(&batch.Requests[i]); err != nil {
			return pb.MessageBatch{}, err
		}
	}
	return batch, nil
}

func decodeChunk(payload []byte) (chunk pb.Chunk, err error) {
	err = guard(func() error { return chunk.Unmarshal(payload) })
	return chunk, err
}

func guard(unmarshal func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errBadFrame, r)
		}
	}()
	if err := unmarshal(); err != nil {
		return fmt.Errorf("%w: %v", errBadFrame, err)
	}
	return nil
}

// vetMessage refuses messages without sender or receiver, and the types that
// Dragonboat only exchanges within a process.
func vetMessage(m *pb.Message) error {
	if m.ShardID == 0 || m.To == 0 || m.From == 0 {
		return fmt.Errorf("%w: %v message for shard %d from replica %d to %d",
			errBadFrame, m.Type, m.ShardID, m.From, m.To)
	}
	switch m.Type {
	case pb.Propose, pb.NoOP, pb.Quiesce, pb.Ping, pb.Pong,
		pb.Replicate, pb.ReplicateResp, pb.RateLimit,
		pb.RequestVote, pb.RequestVoteResp, pb.RequestPreVote, pb.RequestPreVoteResp,
		pb.Heartbeat, pb.HeartbeatResp, pb.ReadIndex, pb.ReadIndexResp,
		pb.SnapshotReceived, pb.LeaderTransfer, pb.TimeoutNow:
		return nil
	}
	return fmt.Errorf("%w: message type %d does not travel", errBadFrame, m.Type)
}

// Field numbers of MessageBatch.requests, and Message.entries and .snapshot.
const (
	batchRequests   = 1
	messageEntries  = 11
	messageSnapshot = 12
)

// checkDensity bounds what unmarshalling allocates to a small multiple of what
// arrived. A real message takes more than 32 bytes and a real entry more than
// 16, but two bytes suffice for an empty one that unmarshals to hundreds.
func checkDensity(payload []byte) error {
	budget := len(payload)
	err := eachField(payload, func(num protowire.Number, message []byte) error {
		if num != batchRequests {
			return nil
		}
		budget -= 32
		return eachField(message, func(num protowire.Number, field []byte) error {
			switch {
			case num == messageEntries:
				budget -= 16
			case num == messageSnapshot && len(field) > 1024:
				return errors.New("snapshot metadata in a batch")
			}
			if budget < 0 {
				return errors.New("more messages than bytes for them")
			}
			return nil
		})
	})
	if err == nil && budget < 0 {
		err = errors.New("more messages than bytes for them")
	}
	if err != nil {
		return fmt.Errorf("%w: %v", errBadFrame, err)
	}
	return nil
}

// eachField calls f with every length-delimited field of a protobuf message.
func eachField(b []byte, f func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(num, typ, b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		if typ == protowire.BytesType {
			field, _ := protowire.ConsumeBytes(b)
			if err := f(num, field); err != nil {
				return err
			}
		}
		b = b[size:]
	}
	return nil
}

// snapshotFile matches the names that Dragonboat gives to files of a snapshot.
// The receiver creates a file of that name, so nothing else may get through.
var snapshotFile = regexp.MustCompile(`^(snapshot-[0-9A-F]{16}\.gbsnap|external-file-[0-9]+|witness\.snapshot)$`)

// snapshotHeaderLen is what Dragonboat's receiver cuts off the first chunk.
const snapshotHeaderLen = 1024

// chunkOrder vets the chunks of one connection, which carries one snapshot from
// its first chunk on, file after file.
type chunkOrder struct {
	last    pb.Chunk // without data
	started bool
}

func (o *chunkOrder) vet(c pb.Chunk) error {
	name := path.Base(c.Filepath)
	switch last := o.last; {
	case c.ShardID == 0 || c.ReplicaID == 0 || c.From == 0 || c.Index == 0:
		return fmt.Errorf("%w: snapshot chunk without origin", errBadFrame)
	case !snapshotFile.MatchString(name):
		return fmt.Errorf("%w: snapshot file name %.40q", errBadFrame, name)
	case !o.started:
		if c.ChunkId != 0 || c.FileChunkId != 0 || c.HasFileInfo || len(c.Data) < snapshotHeaderLen {
			return fmt.Errorf("%w: snapshot does not begin with its first chunk", errBadFrame)
		}
	case c.ShardID != last.ShardID || c.ReplicaID != last.ReplicaID || c.From != last.From ||
		c.Index != last.Index || c.Term != last.Term || c.ChunkId != last.ChunkId+1:
		return fmt.Errorf("%w: snapshot chunk out of order", errBadFrame)
	case c.FileChunkId != 0 && (c.FileChunkId != last.FileChunkId+1 || name != path.Base(last.Filepath)):
		return fmt.Errorf("%w: snapshot file chunk out of order", errBadFrame)
	}
	o.started = true
	o.last = c
	o.last.Data = nil
	return nil
}
