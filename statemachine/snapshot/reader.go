package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cespare/xxhash/v2"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Reader reads a snapshot: Next until io.EOF. A snapshot is only whole when
// Next has returned io.EOF, so its records must be kept aside until then.
type Reader struct {
	in     io.Reader
	header *storagev1.SnapshotHeader
	buffer bytes.Buffer
	block  []byte
	last   []byte
	hash   xxhash.Digest
	count  uint64
	ended  bool
}

// NewReader reads the beginning of a snapshot.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: in}
	r.hash.Reset()
	start := make([]byte, len(magic)+1)
	if _, err := io.ReadFull(in, start); err != nil {
		return nil, cutOff(err)
	}
	if string(start[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	if version := start[len(magic)]; version != Version {
		return nil, fmt.Errorf("%w %d, this program knows %d", ErrVersion, version, Version)
	}
	raw, err := r.read()
	if err != nil {
		return nil, err
	}
	r.header = &storagev1.SnapshotHeader{}
	if err := r.header.UnmarshalVT(raw); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	return r, nil
}

// Header tells whose state it is and how far it goes.
func (r *Reader) Header() *storagev1.SnapshotHeader { return r.header }

// Next returns the next record, valid until the next call; io.EOF after the
// last one, when count and hash of the whole are right.
func (r *Reader) Next() (key, value []byte, err error) {
	if r.ended {
		return nil, nil, io.EOF
	}
	if len(r.block) == 0 {
		if r.block, err = r.read(); err != nil {
			return nil, nil, err
		}
		if len(r.block) == 0 {
			r.ended = true
			return nil, nil, r.checkTrailer()
		}
		_, _ = r.hash.Write(r.block)
	}
	if key, err = r.cut(); err != nil {
		return nil, nil, err
	}
	if value, err = r.cut(); err != nil {
		return nil, nil, err
	}
	if r.count > 0 && bytes.Compare(key, r.last) <= 0 {
		return nil, nil, fmt.Errorf("%w: key %x is out of order", ErrDamaged, key)
	}
	r.last = append(r.last[:0], key...)
	r.count++
	return key, value, nil
}

// cut takes a length-prefixed part off the block.
func (r *Reader) cut() ([]byte, error) {
	length, n := binary.Uvarint(r.block)
	if n <= 0 || length > uint64(len(r.block)-n) {
		return nil, fmt.Errorf("%w: a record is longer than its block", ErrDamaged)
	}
	part := r.block[n : n+int(length)]
	r.block = r.block[n+int(length):]
	return part, nil
}

// read reads one block; an empty one has no checksum and ends the records.
func (r *Reader) read() ([]byte, error) {
	var word [4]byte
	if _, err := io.ReadFull(r.in, word[:]); err != nil {
		return nil, cutOff(err)
	}
	length := binary.BigEndian.Uint32(word[:])
	if length == 0 {
		return nil, nil
	}
	if length > maxBlockBytes {
		return nil, fmt.Errorf("%w: a block claims %d bytes", ErrDamaged, length)
	}
	// The buffer grows with what arrives, not with what the length claims.
	r.buffer.Reset()
	if _, err := io.CopyN(&r.buffer, r.in, int64(length)); err != nil {
		return nil, cutOff(err)
	}
	if _, err := io.ReadFull(r.in, word[:]); err != nil {
		return nil, cutOff(err)
	}
	block := r.buffer.Bytes()
	if crc32.Checksum(block, castagnoli) != binary.BigEndian.Uint32(word[:]) {
		return nil, fmt.Errorf("%w: the checksum of a block is wrong", ErrDamaged)
	}
	return block, nil
}

// checkTrailer returns io.EOF if the snapshot is whole.
func (r *Reader) checkTrailer() error {
	trailer, err := r.read()
	if err != nil {
		return err
	}
	if len(trailer) != 16 {
		return fmt.Errorf("%w: the trailer has %d bytes", ErrDamaged, len(trailer))
	}
	if count := binary.BigEndian.Uint64(trailer); count != r.count {
		return fmt.Errorf("%w: it has %d records and should have %d", ErrDamaged, r.count, count)
	}
	if binary.BigEndian.Uint64(trailer[8:]) != r.hash.Sum64() {
		return fmt.Errorf("%w: the hash of the records is wrong", ErrDamaged)
	}
	return io.EOF
}

// cutOff turns the end of the stream where more must follow into damage.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	return err
}
