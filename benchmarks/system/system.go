// Package system runs the systems that are compared as real processes, and gives
// their own Go clients one shape, so that a workload is written once.
package system

import (
	"context"
	"time"
)

// System is a coordination service: how its server is started, and its client.
type System interface {
	// Name is short, e.g. "etcd".
	Name() string
	// Arguments are the server's command line, without the program.
	Arguments(self Node, all []Node) []string
	// Profiles are the arguments with which a node serves net/http/pprof, and the
	// URL where it does then.
	Profiles(self Node) (arguments []string, url string)
	// Dial makes one client of a cluster, as a program would have one.
	Dial(ctx context.Context, endpoints []string) (Client, error)
	// Ready returns nil when the node at the endpoint serves clients.
	Ready(ctx context.Context, endpoint string) error
}

// Client is one client of a running cluster. It may be used by any number of
// goroutines.
type Client interface {
	Keys
	// CycleLease grants a lease, attaches a key to it and revokes it.
	CycleLease(ctx context.Context, key, value string) error
	// Enqueue adds a job to a queue.
	Enqueue(ctx context.Context, queue, body string) error
	// Session begins a session that renews itself.
	Session(ctx context.Context, ttl time.Duration) (Session, error)
	Close() error
}

// Keys is the part of a client that deals with keys. Reads are linearizable.
type Keys interface {
	Put(ctx context.Context, key, value string) (revision int64, err error)
	// PutMany writes up to 100 keys in one transaction.
	PutMany(ctx context.Context, keys, values []string) error
	// Get fails when the key does not exist.
	Get(ctx context.Context, key string) (value string, err error)
	// Swap writes both keys if the first was last written at the revision, and
	// fails otherwise.
	Swap(ctx context.Context, key, other, value string, revision int64) (next int64, err error)
	// Watch tells the values that are written under a prefix from a revision on,
	// until ctx ends. It returns nil then.
	Watch(ctx context.Context, prefix string, from int64, put func(value string)) error
}

// Session is one holder, candidate and worker.
type Session interface {
	// Lock waits for a mutex.
	Lock(ctx context.Context, name string) (Release, error)
	// Campaign waits until this session leads the election.
	Campaign(ctx context.Context, name string) (Release, error)
	// Work hands over one job after the other, each finished before the next,
	// until done reports false.
	Work(ctx context.Context, queue string, done func(body string) bool) error
	// Lost is closed when the session has ended before Close.
	Lost() <-chan struct{}
	Close(ctx context.Context) error
}

// Release gives back what was granted.
type Release func(ctx context.Context) error

// Node is one process of a cluster. All nodes are on this machine.
type Node struct {
	Name, Dir string
	// ClientURL and PeerURL are where it listens, and DebugURL where it may.
	ClientURL, PeerURL, DebugURL string
}
