package snapshot

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/cespare/xxhash/v2"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Writer writes a snapshot: Add for each record in key order, then Finish. An
// error of the underlying writer is returned as it is.
type Writer struct {
	out   io.Writer
	block []byte
	frame []byte
	hash  xxhash.Digest
	count uint64
}

// NewWriter begins a snapshot.
func NewWriter(out io.Writer, header *storagev1.SnapshotHeader) (*Writer, error) {
	w := &Writer{out: out}
	w.hash.Reset()
	raw, err := header.MarshalVT()
	if err != nil {
		return nil, err
	}
	if _, err := out.Write(append([]byte(magic), Version)); err != nil {
		return nil, err
	}
	return w, w.write(raw)
}

// Add writes one record. It copies both slices.
func (w *Writer) Add(key, value []byte) error {
	if len(w.block) > 0 && len(w.block)+len(key)+len(value)+2*binary.MaxVarintLen32 > BlockBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.block = append(binary.AppendUvarint(w.block, uint64(len(key))), key...)
	w.block = append(binary.AppendUvarint(w.block, uint64(len(value))), value...)
	w.count++
	return nil
}

// Finish writes what is left and the trailer.
func (w *Writer) Finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := w.out.Write(make([]byte, 4)); err != nil {
		return err
	}
	trailer := binary.BigEndian.AppendUint64(nil, w.count)
	return w.write(binary.BigEndian.AppendUint64(trailer, w.hash.Sum64()))
}

func (w *Writer) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	_, _ = w.hash.Write(w.block)
	err := w.write(w.block)
	w.block = w.block[:0]
	return err
}

// write frames one block, in a single call of the underlying writer.
func (w *Writer) write(block []byte) error {
	w.frame = binary.BigEndian.AppendUint32(w.frame[:0], uint32(len(block)))
	w.frame = append(w.frame, block...)
	w.frame = binary.BigEndian.AppendUint32(w.frame, crc32.Checksum(block, castagnoli))
	_, err := w.out.Write(w.frame)
	return err
}
