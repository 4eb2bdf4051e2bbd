package archive

import (
	"context"
	"errors"
	"hash/crc32"
	"time"
)

// Version is the version of the format that this program writes.
const Version = 1

// Align is what the size of an archive is a multiple of, without the sum.
const Align = 512

const magic = "CNCLARC\n"

// A block is filled up to blockBytes; a larger key is a block of its own. A reader
// believes no length above maxBlockBytes.
const (
	blockBytes    = 256 << 10
	maxBlockBytes = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	// ErrDamaged says that a stream is not, or not all of, what Write wrote.
	ErrDamaged = errors.New("damaged archive")
	// ErrVersion says that an archive is of a format that this program does not know.
	ErrVersion = errors.New("unknown archive format")
	// ErrBolt says that a stream is a database file of etcd, which nobody but etcd
	// can restore.
	ErrBolt = errors.New("this is a database file of etcd (bbolt), not an archive")
	// ErrForeign says that a stream is neither an archive nor anything known.
	ErrForeign = errors.New("this is not an archive: it does not begin like one")
)

// Header says what an archive is of.
type Header struct {
	// Cluster is the id of the cluster; 0 if it was none of ours.
	Cluster uint64
	// Namespace is the name that the namespace has there.
	Namespace string
	// Revision is the revision at which the keys were read. What is restored
	// goes on from it.
	Revision int64
	// Made is when, and Program with what, it was written: for humans.
	Made    time.Time
	Program string
}

// Key is one key as it was at the archive's revision.
type Key struct {
	Key, Value     []byte
	CreateRevision int64
	ModRevision    int64
	Version        int64
	// Lease is the id of the lease that the key ends with; 0 if there is none.
	Lease int64
}

// Lease is a lease that keys may be attached to. Its TTL begins anew where it is
// restored.
type Lease struct {
	ID  int64
	TTL time.Duration
}

// Source is where the keys come from. The caller has chosen a revision before:
// best from the first page of leases itself, which tells at which revision it was
// read, so that both are of one moment.
type Source interface {
	// Leases returns a page of leases with ids above after, in the order of the
	// ids, or the first page if after is 0; more tells whether others follow.
	Leases(ctx context.Context, after int64) (page []Lease, more bool, err error)
	// Keys returns a page of the keys that are equal to from or greater, as they
	// were at the header's revision, in the order of the keys. from is nil for the
	// first page.
	Keys(ctx context.Context, from []byte) (page []Key, more bool, err error)
}

// OrphanTTL is the TTL of a lease that keys are attached to and that the source
// does not list, because it ended since (or is just ending): restored, the keys end
// soon after, as they did or would have.
const OrphanTTL = time.Second

// Summary is what came by while an archive was written or read.
type Summary struct {
	Keys, Leases int64
	// Bytes is the size of the stream, without the sum.
	Bytes int64
	// Digest is over all keys with their revisions, versions, leases and values,
	// and nothing else: the same wherever the same keys are (see Digest).
	Digest uint64
}
