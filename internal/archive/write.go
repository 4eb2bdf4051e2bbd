package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Write writes an archive. It holds one page of the source and one block at a time;
// of leases it remembers the ids. The stream's size is a multiple of Align. An error
// of the writer or the source is returned as it is, and what was written until then
// is no archive.
func Write(ctx context.Context, out io.Writer, header Header, source Source) (Summary, error) {
	w := &writer{out: out, listed: make(map[int64]bool)}
	for _, step := range []func() error{
		func() error { return w.begin(header) },
		func() error { return w.leases(ctx, source) },
		func() error { return w.keys(ctx, source, header.Revision) },
		w.orphans,
		w.finish,
	} {
		if err := step(); err != nil {
			return Summary{}, err
		}
	}
	return Summary{Keys: w.digest.Count(), Leases: w.leaseCount, Bytes: w.size, Digest: w.digest.Sum()}, nil
}

// writer is an archive in the making.
type writer struct {
	out   io.Writer
	size  int64
	frame []byte

	block     storagev1.ArchiveBlock
	blockSize int
	hash      xxhash.Digest // of the blocks

	digest     Digest
	last       []byte // the last key
	leaseCount int64
	listed     map[int64]bool // leases that are in the archive
	orphan     []int64        // leases that keys have and that are not
}

// begin writes what comes before the blocks.
func (w *writer) begin(h Header) error {
	w.hash.Reset()
	raw, err := (&storagev1.ArchiveHeader{
		ClusterId: h.Cluster,
		Namespace: h.Namespace,
		Revision:  h.Revision,
		MadeMs:    h.Made.UnixMilli(),
		Program:   h.Program,
	}).MarshalVT()
	if err != nil {
		return err
	}
	if err := w.write(append([]byte(magic), Version)); err != nil {
		return err
	}
	return w.frameOf(raw)
}

// leases copies the source's leases.
func (w *writer) leases(ctx context.Context, source Source) error {
	after := int64(0)
	for {
		page, more, err := source.Leases(ctx, after)
		if err != nil {
			return err
		}
		for _, lease := range page {
			if err := w.addLease(lease); err != nil {
				return err
			}
			after = lease.ID
		}
		if !more || len(page) == 0 {
			return nil
		}
	}
}

// keys copies the source's keys.
func (w *writer) keys(ctx context.Context, source Source, revision int64) error {
	var from []byte
	for {
		page, more, err := source.Keys(ctx, from)
		if err != nil {
			return err
		}
		for i := range page {
			if err := w.addKey(&page[i], revision); err != nil {
				return err
			}
		}
		if !more || len(page) == 0 {
			return nil
		}
		from = append(bytes.Clone(w.last), 0)
	}
}

// orphans writes the leases that the source's list did not have.
func (w *writer) orphans() error {
	slices.Sort(w.orphan)
	for _, id := range w.orphan {
		if err := w.addLease(Lease{ID: id, TTL: OrphanTTL}); err != nil {
			return err
		}
	}
	return w.flush()
}

func (w *writer) addLease(lease Lease) error {
	record := &storagev1.ArchiveLease{LeaseId: lease.ID, TtlMs: lease.TTL.Milliseconds()}
	w.block.Leases = append(w.block.Leases, record)
	w.listed[lease.ID] = true
	w.leaseCount++
	return w.grow(record.SizeVT())
}

func (w *writer) addKey(k *Key, revision int64) error {
	switch {
	case w.digest.Count() > 0 && bytes.Compare(k.Key, w.last) <= 0:
		return fmt.Errorf("archive: key %q comes after key %q", k.Key, w.last)
	case k.ModRevision > revision:
		return fmt.Errorf("archive: key %q is of revision %d, after that of the archive, %d", k.Key, k.ModRevision, revision)
	}
	w.last = append(w.last[:0], k.Key...)
	w.digest.Add(k)
	if k.Lease != 0 && !w.listed[k.Lease] {
		w.listed[k.Lease] = true
		w.orphan = append(w.orphan, k.Lease)
	}
	record := &storagev1.ArchiveKey{
		Key: k.Key, CreateRevision: k.CreateRevision, ModRevision: k.ModRevision,
		Version: k.Version, LeaseId: k.Lease, Value: k.Value,
	}
	w.block.Keys = append(w.block.Keys, record)
	return w.grow(record.SizeVT())
}

// grow counts what was added to the block, and writes it when it is full.
func (w *writer) grow(size int) error {
	w.blockSize += size
	if w.blockSize < blockBytes {
		return nil
	}
	return w.flush()
}

// flush writes the block, if there is anything in it.
func (w *writer) flush() error {
	if w.blockSize == 0 {
		return nil
	}
	raw, err := w.block.MarshalVT()
	if err != nil {
		return err
	}
	clear(w.block.Keys)
	clear(w.block.Leases)
	w.block.Keys, w.block.Leases, w.blockSize = w.block.Keys[:0], w.block.Leases[:0], 0
	_, _ = w.hash.Write(raw)
	return w.frameOf(raw)
}

// finish writes what comes after the blocks.
func (w *writer) finish() error {
	if err := w.write(make([]byte, 4)); err != nil {
		return err
	}
	raw, err := (&storagev1.ArchiveTrailer{
		Keys: uint64(w.digest.Count()), Leases: uint64(w.leaseCount), Hash: w.hash.Sum64(),
	}).MarshalVT()
	if err != nil {
		return err
	}
	if err := w.frameOf(raw); err != nil {
		return err
	}
	return w.write(make([]byte, padding(w.size)))
}

// padding is how many bytes are missing to a multiple of Align.
func padding(size int64) int64 { return (Align - size%Align) % Align }

// frameOf writes a block in a single call of the underlying writer.
func (w *writer) frameOf(block []byte) error {
	w.frame = binary.BigEndian.AppendUint32(w.frame[:0], uint32(len(block)))
	w.frame = append(w.frame, block...)
	w.frame = binary.BigEndian.AppendUint32(w.frame, crc32.Checksum(block, castagnoli))
	return w.write(w.frame)
}

func (w *writer) write(data []byte) error {
	n, err := w.out.Write(data)
	w.size += int64(n)
	return err
}
