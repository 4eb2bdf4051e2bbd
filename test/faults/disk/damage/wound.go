package damage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
)

// Wound is what was done to a file.
type Wound struct {
	Path string
	// How is the name of what was done.
	How string
	// Offset and Length are of the bytes that changed or are gone.
	Offset, Length int64
}

func (w Wound) String() string {
	return fmt.Sprintf("%s: %s at %d, %d bytes", w.Path, w.How, w.Offset, w.Length)
}

// Sizes of the units in which drives and file systems write.
const (
	blockBytes  = 4096
	sectorBytes = 512
)

// Flip changes one bit.
func Flip(rng *rand.Rand, path string) (Wound, error) {
	return injure(path, "flip", func(content []byte, size int64) (from, length, _ int64) {
		at := rng.IntN(len(content))
		content[at] ^= 1 << rng.IntN(8)
		return int64(at), 1, size
	})
}

// Truncate cuts the tail off, from anywhere on.
func Truncate(rng *rand.Rand, path string) (Wound, error) {
	return injure(path, "truncate", func(content []byte, size int64) (from, length, _ int64) {
		cut := rng.Int64N(int64(len(content)))
		return cut, size - cut, cut
	})
}

// Zero makes one block of 4 KiB zero, or what the file has of it.
func Zero(rng *rand.Rand, path string) (Wound, error) {
	return injure(path, "zero", func(content []byte, size int64) (from, length, _ int64) {
		// Some blocks are zero already.
		var blocks []int
		for at := 0; at < len(content); at += blockBytes {
			if !isZero(content[at:min(at+blockBytes, len(content))]) {
				blocks = append(blocks, at)
			}
		}
		at := blocks[rng.IntN(len(blocks))]
		block := content[at:min(at+blockBytes, len(content))]
		clear(block)
		return int64(at), int64(len(block)), size
	})
}

// Torn has only a part of the last write arrive: of the last 4 KiB, the bytes from
// some sector on are zero, as they were before it.
func Torn(rng *rand.Rand, path string) (Wound, error) {
	return injure(path, "torn", func(content []byte, size int64) (from, length, _ int64) {
		begin := max(0, len(content)-blockBytes)
		// Sectors count from the start of the file; one that the last byte is in can
		// always be cut.
		first, last := begin/sectorBytes, (len(content)-1)/sectorBytes
		at := (first + rng.IntN(last-first+1)) * sectorBytes
		clear(content[at:])
		return int64(at), int64(len(content) - at), size
	})
}

// injure changes the used part of a file in memory and writes the difference.
// change returns what it changed, and the size that the file is to have.
func injure(path, how string, change func(content []byte, size int64) (from, length, newSize int64)) (_ Wound, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Wound{}, fmt.Errorf("damage: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err := os.ReadFile(path)
	if err != nil {
		return Wound{}, fmt.Errorf("damage: %w", err)
	}
	size := int64(len(content))
	content = bytes.TrimRight(content, "\x00")
	if len(content) == 0 {
		return Wound{}, fmt.Errorf("damage: %s has nothing to damage", path)
	}
	from, length, newSize := change(content, size)
	if newSize < size {
		err = file.Truncate(newSize)
	} else {
		_, err = file.WriteAt(content[from:from+length], from)
	}
	if err := errors.Join(err, file.Sync()); err != nil {
		return Wound{}, fmt.Errorf("damage: %w", err)
	}
	return Wound{Path: path, How: how, Offset: from, Length: length}, nil
}

// used is how long a file is without the zeros at its end.
func used(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("damage: %w", err)
	}
	return len(bytes.TrimRight(content, "\x00")), nil
}

func isZero(block []byte) bool { return len(bytes.Trim(block, "\x00")) == 0 }
