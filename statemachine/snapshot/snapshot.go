// Package snapshot encodes a shard's whole state as a stream of checksummed
// blocks.
//
//	magic    "CNCLSNP\n"
//	version  u8 = 1
//	header   block of conclave.storage.v1.SnapshotHeader
//	blocks   of records: key length uvarint, key, value length uvarint, value
//	end      u32 = 0
//	trailer  block of record count u64, xxhash64 of all record blocks u64
//
// A block is its length as u32, its bytes, and their CRC-32C as u32. Integers
// are big-endian. docs/disk-format.md describes the same bytes for readers
// without Go.
package snapshot

import (
	"errors"
	"hash/crc32"
)

// Version is the format version that this program writes.
const Version = 1

// BlockBytes is the size up to which a block is filled. A record that is
// larger is a block of its own.
const BlockBytes = 256 << 10

// maxBlockBytes bounds what a reader believes a block's length to be.
const maxBlockBytes = 256 << 20

const magic = "CNCLSNP\n"

// ErrDamaged says that a stream is not what a Writer wrote.
var ErrDamaged = errors.New("damaged snapshot")

// ErrVersion says that a snapshot is of a format that this program does not
// know.
var ErrVersion = errors.New("unknown snapshot format")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
