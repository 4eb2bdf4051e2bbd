package archive

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Digest is a hash over keys in key order: two stores that have the same keys at
// the same revisions, with the same versions, leases and values, have the same one.
// The zero Digest is that of no keys.
type Digest struct {
	hash    *xxhash.Digest
	count   int64
	scratch []byte
}

// Add adds the next key.
func (d *Digest) Add(k *Key) {
	if d.hash == nil {
		d.hash = xxhash.New()
	}
	b := binary.BigEndian.AppendUint32(d.scratch[:0], uint32(len(k.Key)))
	b = append(b, k.Key...)
	for _, n := range [...]int64{k.CreateRevision, k.ModRevision, k.Version, k.Lease, int64(len(k.Value))} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	d.scratch = b
	_, _ = d.hash.Write(b)
	_, _ = d.hash.Write(k.Value)
	d.count++
}

// Count is how many keys were added.
func (d *Digest) Count() int64 { return d.count }

// Sum is the hash of all that were added.
func (d *Digest) Sum() uint64 {
	if d.hash == nil {
		return xxhash.Sum64(nil)
	}
	return d.hash.Sum64()
}
