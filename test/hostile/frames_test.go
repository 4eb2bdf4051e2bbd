package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Types of HTTP/2 frames (RFC 9113, section 6), and flags.
const (
	fData         = 0
	fHeaders      = 1
	fPriority     = 2
	fReset        = 3
	fSettings     = 4
	fPush         = 5
	fPing         = 6
	fGoAway       = 7
	fWindow       = 8
	fContinuation = 9

	endStream  = 0x1
	ack        = 0x1
	endHeaders = 0x4
	padded     = 0x8
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frame is an HTTP/2 frame.
func frame(kind, flags byte, stream uint32, payload string) string {
	return frameOf(len(payload), kind, flags, stream) + payload
}

// frameOf is the head of a frame that claims a length.
func frameOf(length int, kind, flags byte, stream uint32) string {
	b := []byte{byte(length >> 16), byte(length >> 8), byte(length), kind, flags}
	return string(binary.BigEndian.AppendUint32(b, stream))
}

// field is a header field as a literal that is not kept (RFC 7541, section 6.2.2).
func field(name, value string) string {
	return "\x00" + prefixed(len(name)) + name + prefixed(len(value)) + value
}

// kept is a field that enters the table.
func kept(name, value string) string {
	return "\x40" + prefixed(len(name)) + name + prefixed(len(value)) + value
}

// prefixed is a length with a prefix of 7 bits.
func prefixed(n int) string {
	if n < 127 {
		return string([]byte{byte(n)})
	}
	return string(binary.AppendUvarint([]byte{127}, uint64(n-127)))
}

// request are the fields of a call, and more.
func request(path string, more ...string) string {
	block := field(":method", "POST") + field(":scheme", "http") + field(":path", path) + field(":authority", "h") +
		field("content-type", "application/grpc") + field("te", "trailers")
	for _, f := range more {
		block += f
	}
	return block
}

func word(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// setting is an entry of a SETTINGS frame.
func setting(id uint16, value uint32) string {
	return string(binary.BigEndian.AppendUint16(nil, id)) + word(value)
}

// heard is what a server sent over HTTP/2.
type heard struct {
	frames map[byte]int
	ended  bool
	// answered says that a stream was: by headers or a reset.
	answered bool
}

// over2 sends a preface, empty settings and what follows, and listens until the
// connection ends or a while nothing comes.
func (a *attack) over2(text string) (heard, error) {
	conn, err := a.connect()
	if err != nil {
		return heard{}, err
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	defer func() { _ = conn.Close() }()
	sending.Go(func() { _, _ = io.WriteString(conn, preface+frame(fSettings, 0, 0, "")+text) })
	return a.hear(conn), nil
}

// hear reads frames.
func (a *attack) hear(conn net.Conn) heard {
	h := heard{frames: map[byte]int{}}
	var header [9]byte
	for until := time.Now().Add(a.within); time.Now().Before(until); {
		_ = conn.SetReadDeadline(time.Now().Add(2 * a.quiet))
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			h.ended = !errors.Is(err, os.ErrDeadlineExceeded)
			return h
		}
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			h.ended = !errors.Is(err, os.ErrDeadlineExceeded)
			return h
		}
		h.frames[header[3]]++
		h.answered = h.answered || header[3] == fHeaders || header[3] == fReset
	}
	return h
}

// breaks is a script whose connection has to end.
func breaks(name, text string) script {
	return script{name: name, run: func(a *attack) error {
		h, err := a.over2(text)
		if err == nil && !h.ended && h.frames[fGoAway] == 0 {
			err = fmt.Errorf("the connection goes on: %v", h.frames)
		}
		return err
	}}
}

// settles is a script whose stream has to be answered or reset, or its connection
// ended.
func settles(name, text string) script {
	return script{name: name, run: func(a *attack) error {
		h, err := a.over2(text)
		if err == nil && !h.ended && !h.answered && h.frames[fGoAway] == 0 {
			err = fmt.Errorf("nothing became of the stream: %v", h.frames)
		}
		return err
	}}
}

// passes is a script that the server may do with what it likes, as long as others
// are served.
func passes(name, text string) script {
	return script{name: name, lenient: true, run: func(a *attack) error {
		_, err := a.over2(text)
		return err
	}}
}
