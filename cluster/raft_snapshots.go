package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// The engine keeps of each snapshot a file with a header, blocks with a checksum each,
// how long these are together, and a word.
const (
	snapshotHeaderBytes = 1024
	snapshotBlockBytes  = 2 << 20
	snapshotSumBytes    = 4
	snapshotTailBytes   = 16
)

// snapshotWord ends the file.
var snapshotWord = []byte{0x3f, 0x5b, 0xcb, 0xf1, 0xfa, 0xba, 0x81, 0x9f}

// finished is the directory of a snapshot that is complete.
var finished = regexp.MustCompile(`^snapshot-[0-9A-F]{16}$`)

// checkSnapshots looks at the engine's snapshot files in a data directory. The engine
// itself panics when it meets a damaged block, on a goroutine where nobody could make a
// sentence of it.
func checkSnapshots(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, raftDir, "*", "*", "snapshot-part-*", "snapshot-*-*", "snapshot-*", "snapshot-*.gbsnap"))
	if err != nil {
		return err
	}
	for _, name := range files {
		if !finished.MatchString(filepath.Base(filepath.Dir(name))) {
			continue // it was being written, and is removed
		}
		if err := checkSnapshot(name); err != nil {
			return fmt.Errorf("the Raft log in %s is damaged: %s: %w", dir, name, err)
		}
	}
	return nil
}

// errBlocks is what is wrong with a file whose blocks are not as they were written.
var errBlocks = errors.New("it does not have the content that was written")

func checkSnapshot(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	left := info.Size() - snapshotHeaderBytes - snapshotTailBytes
	if left < 0 {
		return errBlocks
	}
	var tail [snapshotTailBytes]byte
	if _, err := file.ReadAt(tail[:], info.Size()-snapshotTailBytes); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(tail[:]) != uint64(left) || !bytes.Equal(tail[8:], snapshotWord) {
		return errBlocks
	}
	return checkBlocks(io.NewSectionReader(file, snapshotHeaderBytes, left), left)
}

func checkBlocks(blocks io.Reader, left int64) error {
	block := make([]byte, min(left, snapshotBlockBytes+snapshotSumBytes))
	for ; left > 0; left -= int64(len(block)) {
		block = block[:min(left, int64(len(block)))]
		if _, err := io.ReadFull(blocks, block); err != nil {
			return err
		}
		if len(block) <= snapshotSumBytes {
			return errBlocks
		}
		content, sum := block[:len(block)-snapshotSumBytes], block[len(block)-snapshotSumBytes:]
		if !bytes.Equal(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(content)), sum) {
			return errBlocks
		}
	}
	return nil
}
