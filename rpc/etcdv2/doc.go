// Package etcdv2 answers etcd's v2 keys API (/v2/keys, /v2/members and what goes
// with them) out of the same keys that the v3 API and the native one show.
//
// # What is stored
//
// The file /a/b is the key "/a/b" with the value as it is. A directory is there
// as long as a key is below it. The key "/a/", with nothing as its value, is the
// mark of the directory /a: it is there for a directory that was made by name, or
// that a delete left empty. So nothing is below "/services/web/" but what somebody
// put there, until the last of it is deleted.
//
// An index is the namespace's revision, and a TTL is a lease. What is under a
// directory that has a TTL ends with the directory's lease.
//
//	file /a/b            "/a/b"   the value     lease of the TTL, or 0
//	directory /a         "/a/"    ""            lease of the TTL, or 0
//	in-order file        "/q/00000000000000000017"
//	hidden               any name that begins with "_"
//
// # How it is changed
//
// Each request that changes something is one transaction. The plan for it is made
// from what this node sees; the transaction compares what the plan relies on, and
// when that does not hold any more the plan is made again from a newer view. A
// request is refused only on a linearizable view.
//
//	look ──▶ plan ──▶ propose ──▶ answer
//	 ▲                   │ compares failed
//	 └───────────────────┘
//
// docs/etcd-v2.md says what differs from etcd, and why.
package etcdv2
