// Package entry encodes what Conclave puts into one Raft log entry: the
// leader's header and the commands of one batch.
//
//	version u8 = 1
//	length uvarint, conclave.log.v1.Header
//	length uvarint, conclave.log.v1.Command    as often as there are commands
//
// An entry has no checksum: the Raft log has its own. docs/disk-format.md
// describes the same bytes for readers without Go.
package entry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Version is the format version that this program writes.
const Version = 1

// ErrVersion says that an entry is of a format that this program does not
// know. A replica that meets one must stop (promise S4).
var ErrVersion = errors.New("unknown log entry format")

// ErrMalformed says that bytes are no entry of the known format.
var ErrMalformed = errors.New("malformed log entry")

// message is a generated message with the fast codec.
type message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// Append appends an encoded entry to dst and returns the longer slice. A batcher,
// whose commands are encoded already, uses AppendHeader and AppendEncoded.
func Append(dst []byte, header *logv1.Header, commands ...*logv1.Command) []byte {
	dst = AppendHeader(dst, header)
	for _, command := range commands {
		dst = appendMessage(dst, command)
	}
	return dst
}

// AppendHeader begins an entry. Commands follow by AppendEncoded.
func AppendHeader(dst []byte, header *logv1.Header) []byte {
	return appendMessage(append(dst, Version), header)
}

// AppendEncoded adds an encoded command to the entry at the end of dst.
func AppendEncoded(dst, command []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(command))), command...)
}

func appendMessage(dst []byte, m message) []byte {
	size := m.SizeVT()
	dst = binary.AppendUvarint(dst, uint64(size))
	from := len(dst)
	dst = append(dst, make([]byte, size)...)
	if _, err := m.MarshalToSizedBufferVT(dst[from:]); err != nil {
		panic(fmt.Sprintf("entry: a %T does not encode: %v", m, err))
	}
	return dst
}

// Entry is a decoded log entry.
type Entry struct {
	Header   *logv1.Header
	Commands []*logv1.Command
}

// Decode reads an entry. The result does not refer to data, but what is in one
// command shares memory: who keeps a part of a command keeps its bytes.
func Decode(data []byte) (Entry, error) {
	if len(data) == 0 {
		return Entry{}, fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	if data[0] != Version {
		return Entry{}, fmt.Errorf("%w %d, this program knows %d", ErrVersion, data[0], Version)
	}
	raw, rest, err := next(data[1:])
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Header: &logv1.Header{}}
	if err := e.Header.UnmarshalVT(raw); err != nil {
		return Entry{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	commands := make([]logv1.Command, count(rest))
	e.Commands = make([]*logv1.Command, len(commands))
	for i := range commands {
		if raw, rest, err = next(rest); err != nil {
			return Entry{}, err
		}
		if err := commands[i].UnmarshalVTUnsafe(bytes.Clone(raw)); err != nil {
			return Entry{}, fmt.Errorf("%w: command %d: %w", ErrMalformed, i, err)
		}
		e.Commands[i] = &commands[i]
	}
	return e, nil
}

// count counts the parts of data. One that cannot be read is the last.
func count(data []byte) (n int) {
	for err := error(nil); len(data) > 0 && err == nil; n++ {
		_, data, err = next(data)
	}
	return n
}

// next cuts the first length-prefixed part off.
func next(data []byte) (part, rest []byte, err error) {
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) {
		return nil, nil, fmt.Errorf("%w: a part is longer than what is left of it", ErrMalformed)
	}
	data = data[n:]
	return data[:length], data[length:], nil
}
