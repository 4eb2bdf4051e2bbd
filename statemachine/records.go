package statemachine

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// The fields of the shard's Meta table. Numbers are on disk.
const (
	fieldShard     uint8 = 1 // one ShardRecord
	fieldNamespace uint8 = 2 // namespace u32: a NamespaceRecord each
)

// firstRevision is the revision of a namespace that nothing was written to.
const firstRevision = 1

var (
	shardKey        = keys.U8(keys.Prefix(keys.Shard, keys.Meta), fieldShard)
	namespacePrefix = keys.U8(keys.Prefix(keys.Shard, keys.Meta), fieldNamespace)
)

func namespaceKey(ns keys.Namespace) []byte {
	return keys.U32(append(make([]byte, 0, len(namespacePrefix)+4), namespacePrefix...), uint32(ns))
}

// getter is a Batch or a View.
type getter interface {
	Get(key []byte) []byte
}

// scanner is a Batch or a View.
type scanner interface {
	getter
	Scan(from, to []byte, visit func(key, value []byte) bool)
}

// loadShard reads the shard's record; a new replica has a fresh one.
func loadShard(from getter) *storagev1.ShardRecord {
	rec := &storagev1.ShardRecord{Format: FormatVersion}
	if value := from.Get(shardKey); value != nil {
		mustDecode(shardKey, value, rec)
	}
	return rec
}

// loadNamespace reads a namespace's record; a namespace comes into being with
// its first command, so one that is not on record is a fresh one.
func loadNamespace(from getter, ns keys.Namespace) (rec *storagev1.NamespaceRecord, known bool) {
	rec = &storagev1.NamespaceRecord{}
	key := namespaceKey(ns)
	value := from.Get(key)
	if value == nil {
		rec.Revision = firstRevision
		return rec, false
	}
	mustDecode(key, value, rec)
	return rec, true
}

// scanNamespaces calls visit with every namespace on record, dropped ones too.
func scanNamespaces(from scanner, visit func(ns keys.Namespace, rec *storagev1.NamespaceRecord)) {
	from.Scan(namespacePrefix, keys.After(namespacePrefix), func(key, value []byte) bool {
		number, _, err := keys.ReadU32(key[len(namespacePrefix):])
		if err != nil {
			panic(fmt.Sprintf("statemachine: namespace key %x: %v", key, err))
		}
		rec := &storagev1.NamespaceRecord{}
		mustDecode(key, value, rec)
		visit(keys.Namespace(number), rec)
		return true
	})
}

// record is a storage message with the fast codec.
type record interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

// mustDecode panics on a record that does not decode: the state is damaged or
// foreign, and a replica that went on would diverge.
func mustDecode(key, value []byte, rec record) {
	if err := rec.UnmarshalVT(value); err != nil {
		panic(fmt.Sprintf("statemachine: the record at key %x does not decode: %v", key, err))
	}
}

func mustEncode(rec record) []byte {
	value, err := rec.MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("statemachine: a %T does not encode: %v", rec, err))
	}
	return value
}
