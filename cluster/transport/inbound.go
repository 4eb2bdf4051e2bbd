package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// errChunkRejected: Dragonboat does not want the rest of a snapshot. It says
// why in its own log.
var errChunkRejected = errors.New("snapshot rejected")

// serve runs an accepted Raft connection until it ends. It is called by the
// Mux after the magic, with the handshake deadline set; identified is called
// when the handshake is over.
func (t *Transport) serve(conn net.Conn, identified func()) {
	if !t.enter() {
		return
	}
	defer t.wg.Done()
	defer context.AfterFunc(t.ctx, func() { _ = conn.Close() })()

	peer, err := t.accept(conn)
	if err != nil {
		t.log.Warn().Err(err).Stringer("remote", conn.RemoteAddr()).Msg("peer connection refused")
		return
	}
	defer t.dismiss(peer.Name)
	identified()
	t.cfg.Registry.heard(peer.Name)
	_ = conn.SetDeadline(time.Time{})

	if err := t.receive(conn, peer); errors.Is(err, errBadFrame) {
		t.log.Error().Err(err).Str("peer", peer.Name).Stringer("remote", conn.RemoteAddr()).
			Msg("peer connection closed")
	}
}

// receive passes frames to Dragonboat until the connection or a frame is bad.
func (t *Transport) receive(conn net.Conn, peer Hello) error {
	frames := newFrameReader(conn)
	var order chunkOrder
	for {
		kind, payload, err := frames.next()
		if err != nil {
			return err
		}
		if kind == batchFrame {
			err = t.receiveBatch(payload, peer)
		} else {
			err = t.receiveChunk(payload, &order)
		}
		if err != nil {
			return err
		}
	}
}

// receiveBatch delivers a batch. Dragonboat learns from SourceAddress where a
// replica lives, so a peer may only speak for itself there.
func (t *Transport) receiveBatch(payload []byte, peer Hello) error {
	batch, err := decodeBatch(payload)
	if err != nil {
		return err
	}
	if name, known := t.cfg.Registry.name(batch.SourceAddress); !known || name != peer.Name {
		batch.SourceAddress = ""
	}
	t.onBatch(batch)
	return nil
}

func (t *Transport) receiveChunk(payload []byte, order *chunkOrder) error {
	chunk, err := decodeChunk(payload)
	if err != nil {
		return err
	}
	if err := order.vet(chunk); err != nil {
		return err
	}
	if accept := t.cfg.AcceptSnapshot; accept != nil && !accept(chunk.ShardID, chunk.ReplicaID) {
		return fmt.Errorf("%w: replica %d of shard %d does not run here",
			errBadFrame, chunk.ReplicaID, chunk.ShardID)
	}
	if !t.onChunk(chunk) {
		return errChunkRejected
	}
	return nil
}
