package statemachine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"
)

// foldDepth is how deep messages in messages are looked into.
const foldDepth = 12

// fold hashes a record's value so that two encodings of one message have one
// hash. Protobuf writes the entries of a map in any order, so replicas that are
// equal hold different bytes for the same record. What reads as a message is
// hashed as the set of its fields, each of those the same way; anything else,
// a user's value say, as the bytes that it is.
func fold(value []byte, depth int) uint64 {
	if depth == 0 {
		return xxhash.Sum64(value)
	}
	if sum, ok := foldFields(value, depth); ok {
		return sum
	}
	return xxhash.Sum64(value)
}

// foldFields adds the hashes of a message's fields up: addition has no order.
// ok is false when value is no message.
func foldFields(value []byte, depth int) (sum uint64, ok bool) {
	sum = uint64(len(value))
	for len(value) > 0 {
		number, kind, n := protowire.ConsumeTag(value)
		if n < 0 {
			return 0, false
		}
		size := protowire.ConsumeFieldValue(number, kind, value[n:])
		if size < 0 {
			return 0, false
		}
		field := value[n : n+size]
		var content uint64
		if kind == protowire.BytesType {
			bytes, _ := protowire.ConsumeBytes(field)
			content = fold(bytes, depth-1)
		} else {
			content = xxhash.Sum64(field)
		}
		var cell [16]byte
		binary.BigEndian.PutUint64(cell[:8], uint64(number)<<3|uint64(kind))
		binary.BigEndian.PutUint64(cell[8:], content)
		sum += xxhash.Sum64(cell[:])
		value = value[n+size:]
	}
	return sum, true
}
