// Package keys is the only place where a key prefix or a byte order of the
// state on disk is spelled.
//
// Every key is [namespace u32][table u8][columns…], all integers big-endian so
// that byte order is number order. Namespace 0 is the shard itself. A name
// column ends with a zero byte (names hold none), a KV key column inside a
// longer key is escaped. docs/disk-format.md lists every table.
package keys

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Namespace is the number of a namespace inside its shard; 0 is the shard.
type Namespace uint32

// Shard is the namespace of the state that belongs to the shard itself.
const Shard Namespace = 0

// Table numbers one kind of record. Numbers are append-only.
type Table byte

// The tables. The comment gives the columns after the table byte.
const (
	Meta Table = 0x01 // field u8

	Latest    Table = 0x10 // raw key
	History   Table = 0x11 // escaped key, inverted mod revision u64
	Revisions Table = 0x12 // revision u64, sub u32
	LeaseKeys Table = 0x13 // lease i64, raw key

	Lease         Table = 0x20 // lease i64
	LeaseOwns     Table = 0x21 // lease i64, kind u8, rest as the kind has it
	LeaseDeadline Table = 0x22 // lease i64

	Timer        Table = 0x28 // due i64, kind u8, rest as the kind has it
	DerivedTimer Table = 0x29 // due i64, lease i64; in memory only
	Ticket       Table = 0x2A // ticket i64

	Mutex       Table = 0x30 // name
	MutexWaiter Table = 0x31 // name, ticket i64

	Election          Table = 0x38 // name
	ElectionCandidate Table = 0x39 // name, inverted priority u32, ticket i64

	Queue        Table = 0x40 // queue
	Job          Table = 0x41 // queue, job u64
	JobBody      Table = 0x42 // queue, job u64
	JobReady     Table = 0x43 // queue, inverted priority u32, job u64
	JobState     Table = 0x44 // queue, state u8, job u64
	JobGroup     Table = 0x45 // queue, group name, job u64
	JobDedup     Table = 0x46 // queue, dedup name
	QueueWaiter  Table = 0x47 // queue, ticket i64
	JobGroupHead Table = 0x48 // queue, group name

	Instance Table = 0x50 // service, id name

	DedupeClient  Table = 0x60 // client name
	DedupeLarge   Table = 0x62 // client name, sequence u64
	DedupeResults Table = 0x63 // client name, sequence u64 of the first of 64; 0x61 had one each

	NodeRecord      Table = 0x70 // name
	NamespaceRecord Table = 0x71 // name
	SystemRecord    Table = 0x72 // no column: one record
)

// Residence says where a table's records are kept.
type Residence byte

const (
	// Cold records are in Pebble only.
	Cold Residence = iota
	// Hot records are in Pebble and, all of them, in memory.
	Hot
	// Derived records are in memory only and rebuilt when a replica opens.
	Derived
)

// Where returns the residence of a table.
func Where(t Table) Residence {
	switch t {
	case Latest, History, Revisions, Job, JobBody, JobState:
		return Cold
	case DerivedTimer:
		return Derived
	default:
		return Hot
	}
}

// HeaderLen is the length of the namespace and table columns.
const HeaderLen = 5

// Prefix returns the key prefix of a table.
func Prefix(ns Namespace, t Table) []byte { return AppendPrefix(make([]byte, 0, 48), ns, t) }

// AppendPrefix appends the key prefix of a table.
func AppendPrefix(dst []byte, ns Namespace, t Table) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(ns)), byte(t))
}

// NamespacePrefix returns the prefix of all keys of a namespace.
func NamespacePrefix(ns Namespace) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(ns))
}

// TableOf returns the table of a key. It panics on a key that is too short to
// have one, which no key made by this package is.
func TableOf(key []byte) Table { return Table(key[4]) }

// NamespaceOf returns the namespace of a key.
func NamespaceOf(key []byte) Namespace { return Namespace(binary.BigEndian.Uint32(key)) }

// U8 appends one byte column.
func U8(dst []byte, v uint8) []byte { return append(dst, v) }

// U32 appends a 32-bit column.
func U32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }

// U64 appends a 64-bit column.
func U64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }

// I64 appends a signed 64-bit column whose byte order is number order, also
// below zero.
func I64(dst []byte, v int64) []byte { return U64(dst, uint64(v)^(1<<63)) }

// Name appends a name column. Names hold no zero byte; validation sees to it
// before a name gets here.
func Name(dst []byte, name string) []byte { return append(append(dst, name...), 0) }

// Inverted appends a priority so that higher ones come first.
func Inverted(dst []byte, priority int32) []byte {
	return U32(dst, ^(uint32(priority) ^ 1<<31))
}

// NewestFirst appends a revision so that later ones come first.
func NewestFirst(dst []byte, revision int64) []byte { return U64(dst, ^uint64(revision)) }

// Escaped appends a KV key so that more columns can follow: 0x00 becomes
// 0x00 0xFF, and 0x00 0x01 ends it. Order is kept.
func Escaped(dst, key []byte) []byte {
	for {
		i := bytes.IndexByte(key, 0)
		if i < 0 {
			return append(append(dst, key...), 0, 1)
		}
		dst = append(append(dst, key[:i]...), 0, 0xFF)
		key = key[i+1:]
	}
}

// ErrMalformed says that bytes are not a key of the expected shape.
var ErrMalformed = errors.New("keys: malformed key")

// Unescape reads a column written by Escaped and returns the key and the rest.
func Unescape(src []byte) (key, rest []byte, err error) {
	for {
		i := bytes.IndexByte(src, 0)
		if i < 0 || i+1 >= len(src) {
			return nil, nil, ErrMalformed
		}
		key = append(key, src[:i]...)
		switch src[i+1] {
		case 1:
			return key, src[i+2:], nil
		case 0xFF:
			key = append(key, 0)
			src = src[i+2:]
		default:
			return nil, nil, ErrMalformed
		}
	}
}

// ReadName reads a name column and returns the name and the rest.
func ReadName(src []byte) (string, []byte, error) {
	i := bytes.IndexByte(src, 0)
	if i < 0 {
		return "", nil, ErrMalformed
	}
	return string(src[:i]), src[i+1:], nil
}

// ReadU64 reads a 64-bit column.
func ReadU64(src []byte) (uint64, []byte, error) {
	if len(src) < 8 {
		return 0, nil, ErrMalformed
	}
	return binary.BigEndian.Uint64(src), src[8:], nil
}

// ReadI64 reads a signed 64-bit column.
func ReadI64(src []byte) (int64, []byte, error) {
	v, rest, err := ReadU64(src)
	return int64(v ^ (1 << 63)), rest, err
}

// ReadU32 reads a 32-bit column.
func ReadU32(src []byte) (uint32, []byte, error) {
	if len(src) < 4 {
		return 0, nil, ErrMalformed
	}
	return binary.BigEndian.Uint32(src), src[4:], nil
}

// After returns the smallest key above every key that starts with prefix, or
// nil when there is none.
func After(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xFF {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
