package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Reader reads an archive: Next until io.EOF. An archive is only whole when Next
// has returned io.EOF, so whoever cannot take back what it did reads it twice.
type Reader struct {
	in     io.Reader
	size   int64
	sum    hash.Hash // of everything that was read
	header Header
	buffer bytes.Buffer
	hash   xxhash.Digest
	digest Digest
	leases int64
	last   []byte
	bytes  int64
	sealed bool
	ended  bool
}

// The beginning of a bbolt file: a page's header, then a magic number, in the byte
// order of the machine that made it.
const (
	boltMagicAt = 16
	boltMagic   = 0xED0CDAED
)

// NewReader reads the beginning of an archive.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: in, sum: sha256.New()}
	r.hash.Reset()
	start := make([]byte, boltMagicAt+4)
	n, err := io.ReadFull(in, start)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case n < len(magic)+1 || string(start[:len(magic)]) != magic:
		return nil, foreign(start[:n])
	case start[len(magic)] != Version:
		return nil, fmt.Errorf("%w %d, this program knows %d", ErrVersion, start[len(magic)], Version)
	}
	r.in = io.MultiReader(bytes.NewReader(start[:n]), in)
	if _, err := r.take(len(magic) + 1); err != nil {
		return nil, err
	}
	raw, err := r.read()
	if err != nil {
		return nil, err
	}
	var h storagev1.ArchiveHeader
	if err := h.UnmarshalVT(raw); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	r.header = Header{
		Cluster: h.GetClusterId(), Namespace: h.GetNamespace(), Revision: h.GetRevision(),
		Made: time.UnixMilli(h.GetMadeMs()), Program: h.GetProgram(),
	}
	return r, nil
}

// foreign says what a stream is that is not an archive.
func foreign(start []byte) error {
	if len(start) == boltMagicAt+4 {
		if word := start[boltMagicAt:]; binary.LittleEndian.Uint32(word) == boltMagic || binary.BigEndian.Uint32(word) == boltMagic {
			return ErrBolt
		}
	}
	return ErrForeign
}

// Header says what the archive is of.
func (r *Reader) Header() Header { return r.header }

// Summary is what has been read so far.
func (r *Reader) Summary() Summary {
	return Summary{Keys: r.digest.Count(), Leases: r.leases, Bytes: r.bytes, Digest: r.digest.Sum()}
}

// Sealed tells, after io.EOF, whether a SHA-256 followed the archive, and was right.
func (r *Reader) Sealed() bool { return r.sealed }

// Next returns what the next block has; io.EOF after the last one, when everything
// is there and right. The caller may keep what it gets.
func (r *Reader) Next() ([]Key, []Lease, error) {
	if r.ended {
		return nil, nil, io.EOF
	}
	raw, err := r.read()
	if err != nil {
		return nil, nil, err
	}
	if len(raw) == 0 {
		if err := r.finish(); err != nil {
			return nil, nil, err
		}
		r.ended = true
		return nil, nil, io.EOF
	}
	_, _ = r.hash.Write(raw)
	var block storagev1.ArchiveBlock
	if err := block.UnmarshalVT(raw); err != nil {
		return nil, nil, fmt.Errorf("%w: block: %w", ErrDamaged, err)
	}
	keys, err := r.keysOf(&block)
	if err != nil {
		return nil, nil, err
	}
	leases := make([]Lease, 0, len(block.GetLeases()))
	for _, l := range block.GetLeases() {
		leases = append(leases, Lease{ID: l.GetLeaseId(), TTL: time.Duration(l.GetTtlMs()) * time.Millisecond})
	}
	r.leases += int64(len(leases))
	return keys, leases, nil
}

func (r *Reader) keysOf(block *storagev1.ArchiveBlock) ([]Key, error) {
	keys := make([]Key, 0, len(block.GetKeys()))
	for _, k := range block.GetKeys() {
		if r.digest.Count() > 0 && bytes.Compare(k.GetKey(), r.last) <= 0 {
			return nil, fmt.Errorf("%w: key %q is out of order", ErrDamaged, k.GetKey())
		}
		key := Key{
			Key: k.GetKey(), Value: k.GetValue(), CreateRevision: k.GetCreateRevision(),
			ModRevision: k.GetModRevision(), Version: k.GetVersion(), Lease: k.GetLeaseId(),
		}
		r.last = append(r.last[:0], key.Key...)
		r.digest.Add(&key)
		keys = append(keys, key)
	}
	return keys, nil
}

// finish checks what comes after the blocks.
func (r *Reader) finish() error {
	raw, err := r.read()
	if err != nil {
		return err
	}
	var t storagev1.ArchiveTrailer
	if err := t.UnmarshalVT(raw); err != nil {
		return fmt.Errorf("%w: trailer: %w", ErrDamaged, err)
	}
	switch {
	case t.GetKeys() != uint64(r.digest.Count()) || t.GetLeases() != uint64(r.leases):
		return fmt.Errorf("%w: it has %d keys and %d leases and should have %d and %d",
			ErrDamaged, r.digest.Count(), r.leases, t.GetKeys(), t.GetLeases())
	case t.GetHash() != r.hash.Sum64():
		return fmt.Errorf("%w: the hash of the blocks is wrong", ErrDamaged)
	}
	pad, err := r.take(int(padding(r.size)))
	if err != nil {
		return err
	}
	if len(bytes.Trim(pad, "\x00")) > 0 {
		return fmt.Errorf("%w: the padding is not of zeros", ErrDamaged)
	}
	r.bytes = r.size
	return r.checkSum()
}

// checkSum checks the SHA-256, if there is one, and that nothing follows.
func (r *Reader) checkSum() error {
	want := r.sum.Sum(nil)
	tail := make([]byte, sha256.Size+1)
	n, err := io.ReadFull(r.in, tail)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case n == 0:
		return nil
	case n != sha256.Size:
		return fmt.Errorf("%w: something follows that is not a SHA-256", ErrDamaged)
	case !bytes.Equal(tail[:n], want):
		return fmt.Errorf("%w: the SHA-256 at its end is not that of what is before it", ErrDamaged)
	}
	r.sealed = true
	return nil
}

// read reads one block; an empty one has no checksum and ends the blocks.
func (r *Reader) read() ([]byte, error) {
	word, err := r.take(4)
	if err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(word)
	if length == 0 {
		return nil, nil
	}
	if length > maxBlockBytes {
		return nil, fmt.Errorf("%w: a block claims %d bytes", ErrDamaged, length)
	}
	block, err := r.take(int(length))
	if err != nil {
		return nil, err
	}
	block = bytes.Clone(block)
	if word, err = r.take(4); err != nil {
		return nil, err
	}
	if crc32.Checksum(block, castagnoli) != binary.BigEndian.Uint32(word) {
		return nil, fmt.Errorf("%w: the checksum of a block is wrong", ErrDamaged)
	}
	return block, nil
}

// take reads so many bytes, valid until the next call. The buffer grows with what
// arrives, not with what a length claims.
func (r *Reader) take(n int) ([]byte, error) {
	r.buffer.Reset()
	if _, err := io.CopyN(&r.buffer, r.in, int64(n)); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: it is cut off", ErrDamaged)
		}
		return nil, err
	}
	r.size += int64(n)
	_, _ = r.sum.Write(r.buffer.Bytes())
	return r.buffer.Bytes(), nil
}
