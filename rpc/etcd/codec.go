package etcd

import (
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
)

// jsonCodec is Connect's own codec for JSON, but that its errors are for who sent
// the message: Connect's tell the Go type that it was to become.
type jsonCodec struct{ name string }

var errNoMessage = errors.New("etcd: no message")

// Name is the codec's name in the content type.
func (c jsonCodec) Name() string { return c.name }

// Marshal encodes a message.
func (c jsonCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend encodes a message after what is in dst.
func (jsonCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, errNoMessage
	}
	return protojson.MarshalOptions{}.MarshalAppend(dst, m)
}

// Unmarshal decodes a message. Fields that are not known are passed over, as etcd
// does it.
func (jsonCodec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	switch {
	case !ok:
		return errNoMessage
	case len(data) == 0:
		return errors.New("the body is empty; send {} for a request without fields")
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, m); err != nil {
		return wire.Unreadable(m, err)
	}
	return nil
}
