package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// witnessFile is beside Pebble's files and says how far Pebble's manifest had
// come, at the least: its name, an offset in it, and the CRC-32C of both.
//
// The manifest is the log of which files make up the DB. Pebble reads it up to
// the first record that is not whole, and takes that for a write that a crash cut
// short. So damage to an older record would silently take away all tables that
// were added after it, and Pebble would then delete their files. The witness
// tells the one from the other.
const witnessFile = "WITNESS"

const witnessFormat = "conclave-witness 1 %s %d %08x\n"

// witness watches over the manifest of a DB. Its methods are for one goroutine at
// a time: that of apply, or that of Sync, which Dragonboat never runs together.
type witness struct {
	fs  vfs.FS
	dir string
}

// check compares the manifest with what is on record. A DB without a witness is
// new, or was built by a snapshot and not opened yet.
func (w witness) check() error {
	raw, err := w.read(witnessFile)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	var known string
	var offset int64
	var sum uint32
	if _, err := fmt.Sscanf(string(raw), witnessFormat, &known, &offset, &sum); err != nil || sum != checksum(known, offset) {
		return fmt.Errorf("%s is damaged", w.fs.PathJoin(w.dir, witnessFile))
	}
	manifest, err := w.manifest()
	if err != nil {
		return err
	}
	// Names are of one length, and a later manifest begins with all of the DB.
	if manifest > known {
		return nil
	}
	if manifest < known {
		return fmt.Errorf("the manifest %s is lost: %s is the newest", known, manifest)
	}
	end, err := w.end(manifest)
	if err != nil {
		return err
	}
	if end < offset {
		return fmt.Errorf("%s is damaged: it is whole up to %d and had %d bytes", w.fs.PathJoin(w.dir, manifest), end, offset)
	}
	return nil
}

// note puts on record how far the manifest has come.
func (w witness) note() error {
	manifest, err := w.manifest()
	if err != nil {
		return err
	}
	end, err := w.end(manifest)
	if err != nil {
		return err
	}
	return w.replace(fmt.Appendf(nil, witnessFormat, manifest, end, checksum(manifest, end)))
}

func checksum(manifest string, offset int64) uint32 {
	return crc32.Checksum(fmt.Appendf(nil, "%s %d", manifest, offset), crc32.MakeTable(crc32.Castagnoli))
}

// manifest is the name of the manifest in use, empty if there is no DB.
func (w witness) manifest() (string, error) {
	found, err := pebble.Peek(w.dir, w.fs)
	if err != nil {
		return "", err
	}
	return w.fs.PathBase(found.ManifestFilename), nil
}

// end is where the last whole record of a manifest ends. Up to there the file is
// durable when end returns.
func (w witness) end(manifest string) (end int64, err error) {
	file, err := w.fs.Open(w.fs.PathJoin(w.dir, manifest))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for r := record.NewReader(file, 0); ; end = r.Offset() {
		one, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, one)
		}
		if err != nil {
			break // by its end, or by the first that is not whole
		}
	}
	return end, file.Sync()
}

func (w witness) read(name string) (content []byte, err error) {
	file, err := w.fs.Open(w.fs.PathJoin(w.dir, name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return io.ReadAll(file)
}

// replace writes the witness as a whole, durably.
func (w witness) replace(content []byte) error {
	path := w.fs.PathJoin(w.dir, witnessFile)
	fresh := path + ".new"
	file, err := w.fs.Create(fresh, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(content))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := w.fs.Rename(fresh, path); err != nil {
		return err
	}
	dir, err := w.fs.OpenDir(w.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
