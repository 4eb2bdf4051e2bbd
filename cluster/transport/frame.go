package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"
)

// frameKind tells what a frame carries. The numbers are on the wire.
type frameKind uint8

const (
	batchFrame frameKind = 1
	chunkFrame frameKind = 2
)

const (
	frameHeaderLen = 9

	// Dragonboat fills a batch up to 64 MiB and cuts snapshots into chunks of
	// 2 MiB; both limits leave room for what it adds around that.
	maxBatchLen = 65 << 20
	maxChunkLen = 4 << 20

	// keptBufferLen is the largest buffer that a connection holds on to.
	keptBufferLen = 1 << 20

	ioStep       = 256 << 10
	stepTimeout  = 10 * time.Second // for each ioStep, either way
	idleTimeout  = 10 * time.Minute // between frames; Dragonboat hangs up after one
	readerBuffer = 64 << 10
)

func (k frameKind) maxLen() int {
	switch k {
	case batchFrame:
		return maxBatchLen
	case chunkFrame:
		return maxChunkLen
	}
	return -1
}

// errBadFrame is behind every error that is the peer's fault, as opposed to a
// connection that ended.
var errBadFrame = errors.New("bad frame")

// frameHeader writes the header of the frame in b, whose payload starts at
// frameHeaderLen.
func frameHeader(b []byte, kind frameKind) {
	b[0] = byte(kind)
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-frameHeaderLen))
	binary.BigEndian.PutUint32(b[5:], frameSum(b[:5], b[frameHeaderLen:]))
}

func frameSum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// frameReader reads the frames of one connection.
type frameReader struct {
	conn net.Conn
	br   *bufio.Reader
	buf  []byte // reused for payloads
}

func newFrameReader(conn net.Conn) *frameReader {
	return &frameReader{conn: conn, br: bufio.NewReaderSize(conn, readerBuffer)}
}

// next returns the next frame. The payload is valid until the next call.
func (r *frameReader) next() (frameKind, []byte, error) {
	if r.br.Buffered() == 0 {
		_ = r.conn.SetReadDeadline(time.Now().Add(idleTimeout))
		if _, err := r.br.Peek(1); err != nil {
			return 0, nil, err
		}
	}
	var header [frameHeaderLen]byte
	if err := r.read(header[:]); err != nil {
		return 0, nil, err
	}
	kind, n := frameKind(header[0]), binary.BigEndian.Uint32(header[1:])
	if limit := kind.maxLen(); int64(n) > int64(limit) {
		return 0, nil, fmt.Errorf("%w: type %d, length %d, limit %d", errBadFrame, kind, n, limit)
	}
	payload, err := r.payload(int(n))
	if err != nil {
		return 0, nil, err
	}
	if frameSum(header[:5], payload) != binary.BigEndian.Uint32(header[5:]) {
		return 0, nil, fmt.Errorf("%w: checksum mismatch", errBadFrame)
	}
	return kind, payload, nil
}

// payload reads n bytes. The buffer grows only as they arrive, to at most twice
// what has arrived, so a length alone costs nothing.
func (r *frameReader) payload(n int) ([]byte, error) {
	if cap(r.buf) > keptBufferLen {
		r.buf = nil
	}
	b := r.buf[:0]
	for len(b) < n {
		step := min(n-len(b), ioStep)
		if free := cap(b) - len(b); free < step {
			grown := make([]byte, len(b), min(n, max(2*cap(b), len(b)+step)))
			copy(grown, b)
			b = grown
		}
		if err := r.read(b[len(b) : len(b)+step]); err != nil {
			return nil, err
		}
		b = b[:len(b)+step]
	}
	r.buf = b
	return b, nil
}

// read fills p, which is no longer than a step.
func (r *frameReader) read(p []byte) error {
	if r.br.Buffered() < len(p) {
		_ = r.conn.SetReadDeadline(time.Now().Add(stepTimeout))
	}
	_, err := io.ReadFull(r.br, p)
	return err
}

// writeFrame writes the whole of b in steps, each of which must be taken by the
// peer in time.
func writeFrame(conn net.Conn, b []byte) error {
	for len(b) > 0 {
		step := min(len(b), ioStep)
		if err := conn.SetWriteDeadline(time.Now().Add(stepTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write(b[:step]); err != nil {
			return err
		}
		b = b[step:]
	}
	return nil
}
