// Package archive encodes the keys of one namespace, as they were at one
// revision, as a stream of checksummed blocks: what `conclave snapshot save` and
// etcd's Maintenance.Snapshot give, and what `conclave snapshot restore` takes.
//
//	magic    "CNCLARC\n"
//	version  u8 = 1
//	header   block of conclave.storage.v1.ArchiveHeader
//	blocks   of conclave.storage.v1.ArchiveBlock: leases, keys, leases again
//	end      u32 = 0
//	trailer  block of conclave.storage.v1.ArchiveTrailer
//	padding  zero bytes up to a multiple of 512
//	sum      optional: the SHA-256 of everything before it
//
// A block is its length as u32, its bytes, and their CRC-32C as u32. Integers are
// big-endian. docs/disk-format.md describes the same bytes for readers without Go.
//
// It is not a database file: nothing of a replica's own tables is in it, so it can
// be restored into any later version. Nor has it mutexes, queues or other things
// that are not keys.
//
// The padding is there for etcdctl, which tells a complete snapshot by a size that
// is 32 bytes above a multiple of 512: the database's pages and a SHA-256.
package archive
