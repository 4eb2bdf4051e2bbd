// Package wire encodes the messages of pipelined streams, and carries them over
// connections without HTTP/2. Codec stands for Connect's own protobuf codec and
// writes the same bytes, without reflection; Conn is such a connection.
package wire

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
)

// Codec is a codec for Connect under the name of its own, "proto". Messages
// that have generated methods use them, others the standard library.
type Codec struct{}

// Message is a message with generated methods.
type Message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVTUnsafe([]byte) error
}

// Name is the codec's name in the content type.
func (Codec) Name() string { return "proto" }

// IsBinary tells Connect that what is encoded is no text.
func (Codec) IsBinary() bool { return true }

// Marshal encodes a message.
func (c Codec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend encodes a message after what is in dst.
func (Codec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	switch m := message.(type) {
	case Message:
		return Append(dst, m)
	case proto.Message:
		return proto.MarshalOptions{}.MarshalAppend(dst, m)
	}
	return nil, fmt.Errorf("wire: %T is not a message", message)
}

// MarshalStable encodes a message the same way each time, as Connect wants it
// for GET requests.
func (Codec) MarshalStable(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("wire: %T is not a message", message)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// Unmarshal decodes a message. Connect uses data again, so the message gets a
// copy, one for all of its strings.
func (Codec) Unmarshal(data []byte, message any) error {
	switch m := message.(type) {
	case Message:
		return m.UnmarshalVTUnsafe(bytes.Clone(data))
	case proto.Message:
		return proto.Unmarshal(data, m)
	}
	return fmt.Errorf("wire: %T is not a message", message)
}

// Append encodes a message after what is in dst.
func Append(dst []byte, m Message) ([]byte, error) {
	from, size := len(dst), m.SizeVT()
	dst = slices.Grow(dst, size)[:from+size]
	_, err := m.MarshalToSizedBufferVT(dst[from:])
	return dst, err
}
