package mvcc

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Reader is an ordered set of records at one moment, such as a store.View.
type Reader interface {
	// Get returns a record's value, nil if there is none. It stays valid.
	Get(key []byte) []byte
	// Walk calls visit for the records in [from, to) in key order until it
	// returns false. What visit gets is valid until it returns.
	Walk(from, to []byte, visit func(key, value []byte) bool)
	// Err tells whether a read failed; Get and Walk answer too little then.
	Err() error
}

// Snapshot reads the keys of a namespace. A record that does not decode makes
// its methods panic: the state is damaged.
type Snapshot struct {
	r  Reader
	ns keys.Namespace
}

// Read returns the keys of a namespace in r.
func Read(r Reader, ns keys.Namespace) Snapshot { return Snapshot{r: r, ns: ns} }

// Current returns the current version of a key, nil if there is none. It
// keeps key.
func (s Snapshot) Current(key []byte) *logv1.KeyValue {
	record := s.r.Get(latestKey(s.ns, key))
	if record == nil {
		return nil
	}
	return mustLatest(record).keyValue(key)
}

// Compacted returns the revision below which history is forgotten, -1 if it
// never was.
func (s Snapshot) Compacted() int64 {
	record := s.r.Get(compactedKey(s.ns))
	if record == nil {
		return -1
	}
	return mustRevision(record)
}

// LeaseKeys returns the keys that are attached to a lease, in order.
func (s Snapshot) LeaseKeys(lease int64) (attached [][]byte) {
	prefix := leaseKeysPrefix(s.ns, lease)
	s.r.Walk(prefix, keys.After(prefix), func(key, _ []byte) bool {
		attached = append(attached, bytes.Clone(key[len(prefix):]))
		return true
	})
	return attached
}

// versionAt returns the version of a key that was valid at a revision; present
// says that it is the current one.
func (s Snapshot) versionAt(key []byte, revision int64, present bool) (v version, found bool) {
	if record := s.r.Get(latestKey(s.ns, key)); record != nil {
		if v = mustLatest(record); v.mod <= revision {
			return v, true
		}
	}
	if present {
		return v, false
	}
	_, end := span{from: key, single: true}.history(s.ns)
	s.r.Walk(historyKey(s.ns, key, revision), end, func(_, record []byte) bool {
		var ended int64
		ended, v = mustEnded(record)
		if found = revision < ended; found {
			v.value = bytes.Clone(v.value)
		}
		return false
	})
	return v, found
}

func compactedKey(ns keys.Namespace) []byte {
	return keys.U8(keys.Prefix(ns, keys.Meta), metaCompacted)
}

func watchableKey(ns keys.Namespace) []byte {
	return keys.U8(keys.Prefix(ns, keys.Meta), metaWatchable)
}

// mustRevision reads a record of keys.Meta.
func mustRevision(record []byte) int64 {
	f := fields{rest: record}
	f.format()
	revision := f.uvarint()
	check(f.err)
	return revision
}

func encodeRevision(revision int64) []byte {
	return binary.AppendUvarint([]byte{formatV1}, uint64(revision))
}

func mustLatest(record []byte) version {
	v, err := decodeLatest(record)
	check(err)
	return v
}

func mustEnded(record []byte) (int64, version) {
	end, v, err := decodeEnded(record)
	check(err)
	return end, v
}

func mustChange(record []byte) change {
	c, err := decodeChange(record)
	check(err)
	return c
}

// check panics on damage, because a replica that goes on from it would diverge.
func check(err error) {
	if err != nil {
		panic(fmt.Sprintf("mvcc: damaged state: %v", err))
	}
}
