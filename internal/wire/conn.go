package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// Protocol is the name under which a pipeline takes an HTTP/1.1 connection over:
// the Upgrade header of a GET for the procedure's path.
const Protocol = "conclave-pipeline"

// ErrTooLarge says that a message is larger than the connection's bound.
var ErrTooLarge = errors.New("wire: the message is too large")

const (
	// A message is preceded by a byte of flags, which is 0, and four of length,
	// as in a stream of Connect.
	headBytes = 5
	// keptBytes is how large a buffer may be to be kept.
	keptBytes = 128 << 10
	// readerBytes is how much is read at a time. What is larger is read into its
	// own place.
	readerBytes = 32 << 10
	// pieceBytes is how much of a large message has to pass within the patience.
	pieceBytes = 64 << 10
	// Deadlines are set anew when they are older than this part of the patience:
	// each costs a lock and a timer.
	renewals = 4
)

// Conn carries messages over a connection of its own. HTTP/2 would cost four
// goroutines a message on either side. One goroutine may send and one receive at a time; Close may be called at any
// time.
type Conn struct {
	conn     net.Conn
	in       *bufio.Reader
	out      []byte
	most     int // bytes of a message that is received
	patience time.Duration
	// read and write are when the deadlines were set.
	read, write time.Time
	// unsent is why nothing can be sent any more: part of a message may be.
	unsent error
}

// NewConn is for a connection that was upgraded; in has what was read from it
// already, or is nil. Messages that are received have at most so many bytes. When
// nothing comes for patience, or nothing is taken, Receive or Send fails; it may
// be up to a quarter later. Of a large message that means its pieces.
func NewConn(conn net.Conn, in *bufio.Reader, most int, patience time.Duration) *Conn {
	if in == nil || in.Size() < readerBytes {
		var rest io.Reader = conn
		if in != nil && in.Buffered() > 0 {
			rest = in
		}
		in = bufio.NewReaderSize(rest, readerBytes)
	}
	return &Conn{conn: conn, in: in, most: most, patience: patience}
}

// Send sends a message, in one write unless it is large. After one that failed all
// others do.
func (c *Conn) Send(m Message) error { return c.SendAfter(nil, m) }

// SendAfter sends some bytes that are no message, and a message.
func (c *Conn) SendAfter(preface []byte, m Message) error {
	if c.unsent != nil {
		return c.unsent
	}
	var head [headBytes]byte
	from := len(preface)
	out := append(append(c.out[:0], preface...), head[:]...)
	out, err := Append(out, m)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(out[from+1:], uint32(len(out)-from-headBytes))
	if c.out = out[:0]; cap(out) > keptBytes {
		c.out = nil
	}
	for len(out) > 0 && c.unsent == nil {
		piece := out[:min(len(out), pieceBytes)]
		out = out[len(piece):]
		if deadline, due := c.renewed(&c.write); due {
			c.unsent = c.conn.SetWriteDeadline(deadline)
		}
		if c.unsent == nil {
			_, c.unsent = c.conn.Write(piece)
		}
	}
	return c.unsent
}

// renewed is a new deadline, if one is due.
func (c *Conn) renewed(since *time.Time) (deadline time.Time, due bool) {
	now := time.Now()
	if now.Sub(*since) <= c.patience/renewals {
		return time.Time{}, false
	}
	*since = now
	return now.Add(c.patience + c.patience/renewals), true
}

// Receive waits for a message. What it decodes to shares memory with nothing
// else. The error is io.EOF when the connection ended between messages, and wraps
// ErrTooLarge when there is a message that is not read.
func (c *Conn) Receive(m Message) error {
	var head [headBytes]byte
	if err := c.fill(head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 {
		return fmt.Errorf("wire: flags %#x are not known", head[0])
	}
	if uint64(size) > uint64(c.most) {
		return fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooLarge, size, c.most)
	}
	// The room grows with what has come: a length alone costs nothing.
	data := make([]byte, 0, min(size, pieceBytes))
	for have := 0; have < int(size); have = len(data) {
		more := min(int(size)-have, pieceBytes)
		data = slices.Grow(data, more)[:have+more]
		if err := c.fill(data[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("wire: a message is cut off: %w", err)
		}
	}
	return m.UnmarshalVTUnsafe(data)
}

// fill reads as much as there is room for.
func (c *Conn) fill(piece []byte) error {
	if c.in.Buffered() < len(piece) {
		if deadline, due := c.renewed(&c.read); due {
			if err := c.conn.SetReadDeadline(deadline); err != nil {
				return err
			}
		}
	}
	_, err := io.ReadFull(c.in, piece)
	return err
}

// Leave ends what is sent, and takes what still comes until the other side ends
// too, for at most so long: a connection that is closed with something unread is
// reset, and what was sent last may be lost with it. received is closed when
// nobody receives any more. Close has to follow.
func (c *Conn) Leave(received <-chan struct{}, atMost time.Duration) {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	until := time.Now().Add(atMost)
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-received:
	case <-timer.C:
		return
	}
	if c.conn.SetReadDeadline(until) == nil {
		_, _ = io.Copy(io.Discard, c.conn)
	}
}

// Close ends the connection; who sends or receives gets an error.
func (c *Conn) Close() error { return c.conn.Close() }
