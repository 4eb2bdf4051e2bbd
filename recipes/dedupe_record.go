package recipes

import (
	"encoding/binary"
	"fmt"
	"slices"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The tags of DedupeResultsRecord and DedupeResult. A record grows by appending
// to its encoding, and is read without decoding it whole.
const (
	tagResults = 1<<3 | 2
	tagSlot    = 1 << 3
	tagResult  = 2<<3 | 2
	tagLarge   = 3 << 3
)

// keptResult is one result of a group's record.
type keptResult struct {
	slot   uint64
	result []byte
	large  bool
}

// keptIn finds the result of a slot in a record. This is done for every request,
// nearly always in vain, so what is passed over is not decoded: nextKept is asked
// for the one that is wanted, and about anything that looks odd.
func keptIn(record []byte, slot uint64) (kept keptResult, found bool) {
	for rest := record; len(rest) > 0; {
		end, slotAt := len(rest)+1, 0
		if len(rest) > 3 && rest[1] < 1<<7 {
			end, slotAt = 2+int(rest[1]), 3
		} else if size, n := binary.Uvarint(rest[1:]); n > 0 && size < uint64(len(rest)) {
			end, slotAt = 1+n+int(size), 2+n
		}
		if end > len(rest) || slotAt >= end || uint64(rest[slotAt]) == slot {
			kept, _ = nextKept(rest)
			return kept, true
		}
		rest = rest[end:]
	}
	return keptResult{}, false
}

// appendKept appends one result's message but for its last size bytes, the
// result itself. It may write behind the end of record: only the newest version
// of a record is ever appended to, so nobody sees that.
func appendKept(record []byte, sequence uint64, size int, large bool) []byte {
	inner := make([]byte, 0, 16)
	inner = append(inner, tagSlot, byte(sequence%dedupeGroup))
	if large {
		inner = append(inner, tagLarge, 1)
	} else {
		inner = binary.AppendUvarint(append(inner, tagResult), uint64(size))
	}
	record = slices.Grow(record, len(inner)+size+8)
	record = binary.AppendUvarint(append(record, tagResults), uint64(len(inner)+size))
	return append(record, inner...)
}

// encodeKept appends an encoded result of a known size.
func encodeKept(dst []byte, size int, result *logv1.Result) []byte {
	from := len(dst)
	dst = slices.Grow(dst, size)[:from+size]
	if _, err := result.MarshalToSizedBufferVT(dst[from:]); err != nil {
		panic(fmt.Sprintf("recipes: a result does not encode: %v", err))
	}
	return dst
}

// nextKept reads the first result of a record. The state is damaged if it does
// not read.
func nextKept(record []byte) (kept keptResult, rest []byte) {
	message, rest := lengthPrefixed(record, tagResults)
	if len(message) < 2 || message[0] != tagSlot || message[1] >= dedupeGroup {
		panic(fmt.Sprintf("recipes: record of kept results does not decode: %x", record))
	}
	kept.slot = uint64(message[1])
	if message = message[2:]; len(message) == 2 && message[0] == tagLarge {
		kept.large = true
		return kept, rest
	}
	kept.result, _ = lengthPrefixed(message, tagResult)
	return kept, rest
}

// lengthPrefixed reads a field that has a length.
func lengthPrefixed(data []byte, tag byte) (field, rest []byte) {
	if len(data) < 2 || data[0] != tag {
		panic(fmt.Sprintf("recipes: record of kept results does not decode: %x", data))
	}
	size, n := binary.Uvarint(data[1:])
	if n <= 0 || size > uint64(len(data)-1-n) {
		panic(fmt.Sprintf("recipes: record of kept results does not decode: %x", data))
	}
	data = data[1+n:]
	return data[:size:size], data[size:]
}
