package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
)

// jsonCodec is Connect's JSON but for two things. It refuses fields that it does
// not know: a misspelt "wait" or "guards" that is ignored does harm. And its
// errors speak to the person who typed the request.
type jsonCodec struct{ name string }

// Name is the codec's name in the content type.
func (c jsonCodec) Name() string { return c.name }

// Marshal encodes a message.
func (c jsonCodec) Marshal(message any) ([]byte, error) {
	return c.MarshalAppend(nil, message)
}

// MarshalAppend encodes a message after what is in dst.
func (c jsonCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a message", message)
	}
	encoded, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	// The library puts spaces in at random, so that nobody compares its texts;
	// people's scripts do, so the answer has none.
	out := bytes.NewBuffer(dst)
	err = json.Compact(out, encoded)
	return out.Bytes(), err
}

// Unmarshal decodes a message.
func (c jsonCodec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a message", message)
	}
	if len(data) == 0 {
		return errors.New("the body is empty; send {} for a request without fields")
	}
	if err := protojson.Unmarshal(data, m); err != nil {
		return wire.Unreadable(m, err)
	}
	return nil
}
