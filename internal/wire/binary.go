package wire

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
)

// Binary is Connect's own codec for protobuf, but that its errors are for who sent
// the message: Connect's tell the Go type that it was to become.
type Binary struct{}

// Name is the codec's name in the content type.
func (Binary) Name() string { return "proto" }

// IsBinary tells Connect that what is encoded is no text.
func (Binary) IsBinary() bool { return true }

// Marshal encodes a message.
func (c Binary) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend encodes a message after what is in dst.
func (Binary) MarshalAppend(dst []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, errNoMessage
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}

// MarshalStable encodes a message the same way each time, as Connect wants it
// for GET requests.
func (Binary) MarshalStable(message any) ([]byte, error) { return Codec{}.MarshalStable(message) }

// Unmarshal decodes a message.
func (Binary) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return errNoMessage
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return Unreadable(m, err)
	}
	return nil
}

var errNoMessage = errors.New("wire: no message")

// Unreadable says which message a body does not have, and what protobuf's library
// has against it.
func Unreadable(m proto.Message, err error) error {
	// The library separates its prefix with a space that differs from build to
	// build, so that nobody relies on its texts.
	why := strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0")
	return fmt.Errorf("the body is not a %s: %s", m.ProtoReflect().Descriptor().Name(), why)
}
