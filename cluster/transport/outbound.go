package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/lni/dragonboat/v4/raftio"
	pb "github.com/lni/dragonboat/v4/raftpb"
)

// dialTimeout bounds connecting and shaking hands, together.
const dialTimeout = 5 * time.Second

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// GetConnection dials the node at target, an address that Registry.Resolve
// gave. ctx also ends the connection.
func (t *Transport) GetConnection(ctx context.Context, target string) (raftio.IConnection, error) {
	conn, err := t.dial(ctx, target)
	if err != nil {
		return nil, err
	}
	return &messageConn{peerConn: conn, redial: func() (*peerConn, error) { return t.dial(ctx, target) }}, nil
}

// messageConn outlives a restart of the peer. Dragonboat drops what it could not
// send and leaves a peer alone for a while whose connection failed: up to an
// election timeout, and longer each time. A node that has restarted and was made
// leader would hear nothing from those that last spoke to it in its former life,
// and could commit nothing.
type messageConn struct {
	*peerConn
	redial func() (*peerConn, error)
}

// SendMessageBatch sends messages, over a new connection when the one there is
// has ended. A batch may arrive twice, which Raft can live with.
func (c *messageConn) SendMessageBatch(batch pb.MessageBatch) error {
	err := c.peerConn.SendMessageBatch(batch)
	if err == nil {
		return nil
	}
	fresh, dialErr := c.redial()
	if dialErr != nil {
		return errors.Join(err, dialErr)
	}
	c.peerConn.Close()
	c.peerConn = fresh
	return fresh.SendMessageBatch(batch)
}

// GetSnapshotConnection is GetConnection for the chunks of one snapshot.
func (t *Transport) GetSnapshotConnection(ctx context.Context, target string) (raftio.ISnapshotConnection, error) {
	return t.dial(ctx, target)
}

func (t *Transport) dial(ctx context.Context, target string) (*peerConn, error) {
	addr := addrOf(target)
	names := t.cfg.Registry.namesAt(addr)
	if len(names) == 0 {
		return nil, fmt.Errorf("transport: no node is known at %s", addr)
	}
	if !t.enter() {
		return nil, net.ErrClosed
	}
	life, end := context.WithCancel(ctx)
	unhook := context.AfterFunc(t.ctx, end)
	giveUp := func(err error) (*peerConn, error) {
		unhook()
		end()
		t.wg.Done()
		t.cfg.Registry.unreached(target)
		return nil, fmt.Errorf("transport: peer %s: %w", addr, err)
	}

	dialing, cancel := context.WithTimeout(life, dialTimeout)
	defer cancel()
	conn, err := t.cfg.Dial(dialing, addr)
	if err != nil {
		return giveUp(err)
	}
	context.AfterFunc(life, func() { _ = conn.Close() })
	tune(conn)
	deadline, _ := dialing.Deadline()
	_ = conn.SetDeadline(deadline)
	if err := t.introduce(conn, names); err != nil {
		return giveUp(err)
	}
	_ = conn.SetDeadline(time.Time{})

	c := &peerConn{conn: conn, life: life, end: end, pace: t.pace}
	go func() {
		defer t.wg.Done()
		defer unhook()
		c.watch()
	}()
	return c, nil
}

// peerConn is a dialed connection after its handshake. Dragonboat uses it from
// one goroutine; its life is a context so that close, shutdown and a vanished
// peer end a blocked write alike.
type peerConn struct {
	conn net.Conn
	life context.Context
	end  context.CancelFunc // closes conn
	pace *pacer
	buf  []byte
}

// watch ends the connection when the peer does. The accepting side never
// sends, so any outcome of Read means the end; without this the first batch
// after a restart of the peer would vanish in a dead connection.
func (c *peerConn) watch() {
	var one [1]byte
	_, _ = c.conn.Read(one[:])
	c.end()
}

// Close ends the connection. What was sent before still arrives.
func (c *peerConn) Close() { c.end() }

// SendMessageBatch sends messages; an error ends this connection only.
func (c *peerConn) SendMessageBatch(batch pb.MessageBatch) error {
	return c.send(batchFrame, batch.Size(), batch.MarshalTo)
}

// SendChunk sends a part of a snapshot, waiting its turn under the rate limit.
func (c *peerConn) SendChunk(chunk pb.Chunk) error {
	size := chunk.Size()
	if err := c.pace.wait(c.life, size); err != nil {
		return err
	}
	return c.send(chunkFrame, size, chunk.MarshalTo)
}

func (c *peerConn) send(kind frameKind, size int, marshalTo func([]byte) (int, error)) error {
	if err := c.life.Err(); err != nil {
		return err
	}
	if limit := kind.maxLen(); size > limit {
		return fmt.Errorf("transport: frame of %d bytes exceeds %d", size, limit)
	}
	if cap(c.buf) < frameHeaderLen+size {
		c.buf = make([]byte, frameHeaderLen+size)
	}
	b := c.buf[:frameHeaderLen+size]
	n, err := marshalTo(b[frameHeaderLen:])
	if err != nil {
		return err
	}
	b = b[:frameHeaderLen+n]
	frameHeader(b, kind)
	if cap(c.buf) > keptBufferLen {
		c.buf = nil
	}
	if err := writeFrame(c.conn, b); err != nil {
		return errors.Join(err, c.life.Err())
	}
	return nil
}
