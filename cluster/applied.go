package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// appliedMark is a file beside a replica's state: the index of the last log entry
// that was applied, and the CRC-32C of that. It is written after each update and
// never synced, so it survives the process but hardly a power cut; then it is
// behind. It is never ahead of the log, because an entry is durable in the log
// before it is applied.
//
// The state itself is written to the disk now and then. The mark is what shows that
// the log of a process that was killed has lost its end.
type appliedMark struct {
	file *os.File
	// found is what it said when it was opened.
	found uint64
}

// markBytes is the length of the file: two words, big endian.
const markBytes = 8 + 4

func openMark(path string) (*appliedMark, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, markBytes)
	if _, err := file.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, file.Close())
	}
	m := &appliedMark{file: file}
	// A mark that a power cut has spoiled says nothing.
	if index := binary.BigEndian.Uint64(raw); string(raw) == string(encodeMark(index)) {
		m.found = index
	}
	return m, nil
}

// set writes an index, unless the mark has said more already: entries that are
// applied again after a crash do not take that back. It is called by one goroutine
// at a time.
func (m *appliedMark) set(index uint64) error {
	if index <= m.found {
		return nil
	}
	if _, err := m.file.WriteAt(encodeMark(index), 0); err != nil {
		return fmt.Errorf("cannot note what was applied: %w", err)
	}
	return nil
}

func (m *appliedMark) close() error { return m.file.Close() }

func encodeMark(index uint64) []byte {
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, markBytes), index)
	return binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, crc32.MakeTable(crc32.Castagnoli)))
}
