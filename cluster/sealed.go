package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// loadSealed reads what saveSealed wrote. The error is that of [fs.ErrNotExist] when
// there is no file.
func loadSealed(path, kind string, known int, value any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("cannot read a file of the data directory: %w", err)
	}
	var version int
	var sum uint32
	head, body, _ := bytes.Cut(data, []byte("\n"))
	if _, err := fmt.Sscanf(string(head), kind+" %d %08x", &version, &sum); err != nil {
		return fmt.Errorf("%s is damaged: it does not begin as it has to", path)
	}
	if version != known {
		return fmt.Errorf("%s has format %d, and this program knows %d: it was written by another version",
			path, version, known)
	}
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return fmt.Errorf("%s is damaged: its checksum is wrong", path)
	}
	if err := json.Unmarshal(body, value); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// saveSealed writes a value as JSON below a line with a checksum, so that a crash
// leaves the old file or the new one.
func saveSealed(path, kind string, version int, value any) error {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, seal(kind, version, append(body, '\n')))
}

// seal puts the first line before the content of a file.
func seal(kind string, version int, body []byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return append(fmt.Appendf(nil, "%s %d %08x\n", kind, version, sum), body...)
}
