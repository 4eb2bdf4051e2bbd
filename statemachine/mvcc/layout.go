package mvcc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// formatV1 is the first byte of every record of this package.
const formatV1 = 1

// The fields of keys.Meta that hold the compacted revision, and the first one from
// which all changes are known.
const (
	metaCompacted = 0x10
	metaWatchable = 0x11
)

var errMalformed = errors.New("mvcc: malformed record")

// version is one version of a key, without the key.
type version struct {
	create, mod int64
	number      int64 // 1 for the first since the key was created
	lease       int64
	value       []byte
}

// appendTo encodes the version's fields, the value last and without a length.
func (v version) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(v.create))
	dst = binary.AppendUvarint(dst, uint64(v.mod))
	dst = binary.AppendUvarint(dst, uint64(v.number))
	dst = binary.AppendVarint(dst, v.lease)
	return append(dst, v.value...)
}

// keyValue returns the version as the rest of the program knows it. It keeps
// key and value.
func (v version) keyValue(key []byte) *logv1.KeyValue {
	return &logv1.KeyValue{
		Key:            key,
		CreateRevision: v.create,
		ModRevision:    v.mod,
		Version:        v.number,
		Value:          v.value,
		LeaseId:        v.lease,
	}
}

// fields reads numbers from the front of a record, and remembers a failure.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) uvarint() int64 {
	n, size := binary.Uvarint(f.rest)
	return int64(f.advance(n, size))
}

func (f *fields) varint() int64 {
	n, size := binary.Varint(f.rest)
	return int64(f.advance(uint64(n), size))
}

func (f *fields) byte() byte {
	if len(f.rest) == 0 {
		f.err = errMalformed
		return 0
	}
	b := f.rest[0]
	f.rest = f.rest[1:]
	return b
}

func (f *fields) advance(n uint64, size int) uint64 {
	if size <= 0 {
		f.err, f.rest = errMalformed, nil
		return 0
	}
	f.rest = f.rest[size:]
	return n
}

// format reads the first byte of a record.
func (f *fields) format() {
	if b := f.byte(); f.err == nil && b != formatV1 {
		f.err = fmt.Errorf("mvcc: record has format %d, this program knows %d", b, formatV1)
	}
}

// version reads a version that ends the record. The value is a part of the
// record, not a copy.
func (f *fields) version() version {
	v := version{create: f.uvarint(), mod: f.uvarint(), number: f.uvarint(), lease: f.varint()}
	v.value = f.rest
	return v
}

// encodeLatest makes a record of keys.Latest in the room behind its key.
func encodeLatest(key []byte, v version) []byte {
	return v.appendTo(append(key, formatV1))[len(key):]
}

// decodeLatest reads a record of keys.Latest.
func decodeLatest(record []byte) (version, error) {
	f := fields{rest: record}
	f.format()
	v := f.version()
	return v, f.err
}

// encodeEnded makes a record of keys.History from one of keys.Latest and the
// revision that ended it, in the room behind its key.
func encodeEnded(key []byte, end int64, latest []byte) []byte {
	dst := binary.AppendUvarint(append(key, formatV1), uint64(end))
	return append(dst, latest[1:]...)[len(key):]
}

// decodeEnded reads a record of keys.History.
func decodeEnded(record []byte) (end int64, v version, err error) {
	f := fields{rest: record}
	f.format()
	end = f.uvarint()
	v = f.version()
	return end, v, f.err
}

// change is a record of keys.Revisions: what happened to a key.
type change struct {
	kind logv1.KVEvent_Type
	// previous is the mod revision of the version before, 0 if there was none.
	previous int64
	key      []byte
}

// encode makes a record of keys.Revisions in the room behind its key.
func (c change) encode(key []byte) []byte {
	dst := append(key, formatV1, byte(c.kind))
	return append(binary.AppendUvarint(dst, uint64(c.previous)), c.key...)[len(key):]
}

// decodeChange reads a record of keys.Revisions. The key is a part of it.
func decodeChange(record []byte) (change, error) {
	f := fields{rest: record}
	f.format()
	c := change{kind: logv1.KVEvent_Type(f.byte()), previous: f.uvarint()}
	c.key = f.rest
	if f.err == nil && c.kind != logv1.KVEvent_TYPE_PUT && c.kind != logv1.KVEvent_TYPE_DELETE {
		f.err = errMalformed
	}
	return c, f.err
}

// How much room a record takes beside what it holds: a key and a value each with
// it are one allocation.
const (
	latestRoom   = keys.HeaderLen + 1 + 4*binary.MaxVarintLen64
	endedRoom    = keys.HeaderLen + 2 + 8 + 1 + 5*binary.MaxVarintLen64
	revisionRoom = keys.HeaderLen + 8 + 4 + 2 + binary.MaxVarintLen64
)

func latestKey(ns keys.Namespace, key []byte) []byte { return latestKeyWith(ns, key, 0) }

// latestKeyWith leaves room for a record with a value of that size.
func latestKeyWith(ns keys.Namespace, key []byte, size int) []byte {
	return append(keys.AppendPrefix(make([]byte, 0, latestRoom+len(key)+size), ns, keys.Latest), key...)
}

func historyKey(ns keys.Namespace, key []byte, mod int64) []byte {
	return historyKeyWith(ns, key, mod, 0)
}

// historyKeyWith leaves room for a record of about that size.
func historyKeyWith(ns keys.Namespace, key []byte, mod int64, size int) []byte {
	dst := keys.AppendPrefix(make([]byte, 0, endedRoom+len(key)+size), ns, keys.History)
	return keys.NewestFirst(keys.Escaped(dst, key), mod)
}

// revisionKeyWith leaves room for a record with a key of that size.
func revisionKeyWith(ns keys.Namespace, revision int64, number uint32, size int) []byte {
	dst := keys.AppendPrefix(make([]byte, 0, revisionRoom+size), ns, keys.Revisions)
	return keys.U32(keys.U64(dst, uint64(revision)), number)
}

func revisionKey(ns keys.Namespace, revision int64, number uint32) []byte {
	return revisionKeyWith(ns, revision, number, 0)
}

func leaseKeysPrefix(ns keys.Namespace, lease int64) []byte {
	return keys.I64(keys.Prefix(ns, keys.LeaseKeys), lease)
}

func leaseKey(ns keys.Namespace, lease int64, key []byte) []byte {
	return append(leaseKeysPrefix(ns, lease), key...)
}

// span is a range of keys as requests spell it.
type span struct {
	from []byte
	// to is the first key above the range; nil: there is none.
	to     []byte
	single bool
}

// fromKey is the range end that means no upper bound.
var fromKey = []byte{0}

// spanOf reads key and range end: no end is the one key, an end of one zero
// byte is every key from key on.
func spanOf(key, rangeEnd []byte) span {
	switch {
	case len(rangeEnd) == 0:
		return span{from: key, single: true}
	case bytes.Equal(rangeEnd, fromKey):
		return span{from: key}
	default:
		return span{from: key, to: rangeEnd}
	}
}

// empty tells that no key can be in the span.
func (s span) empty() bool {
	return !s.single && s.to != nil && bytes.Compare(s.from, s.to) >= 0
}

// contains tells whether a key is in the span.
func (s span) contains(key []byte) bool {
	if s.single {
		return bytes.Equal(s.from, key)
	}
	return bytes.Compare(key, s.from) >= 0 && (s.to == nil || bytes.Compare(key, s.to) < 0)
}

// LatestSpan returns where the current versions of the keys in [key, rangeEnd) are;
// without an end the record of the one key is at from, and to is nil.
func LatestSpan(ns keys.Namespace, key, rangeEnd []byte) (from, to []byte) {
	s := spanOf(key, rangeEnd)
	if s.single {
		return latestKey(ns, key), nil
	}
	return s.latest(ns)
}

// latest returns the span's bounds in keys.Latest.
func (s span) latest(ns keys.Namespace) (from, to []byte) {
	if s.to == nil {
		return latestKey(ns, s.from), keys.After(keys.Prefix(ns, keys.Latest))
	}
	return latestKey(ns, s.from), latestKey(ns, s.to)
}

// history returns the span's bounds in keys.History.
func (s span) history(ns keys.Namespace) (from, to []byte) {
	from = keys.Escaped(keys.Prefix(ns, keys.History), s.from)
	switch {
	case s.single:
		return from, keys.After(from)
	case s.to == nil:
		return from, keys.After(keys.Prefix(ns, keys.History))
	default:
		return from, keys.Escaped(keys.Prefix(ns, keys.History), s.to)
	}
}
