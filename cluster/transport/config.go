package transport

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/rs/zerolog"
)

// ErrNotYet is what [Config].Admit returns (or wraps) when it cannot judge a
// peer at the moment. The peer is turned away and may try again; it is not
// refused.
var ErrNotYet = errors.New("cannot judge this node yet")

// Config says who this node is, whom it talks to and how.
type Config struct {
	// Self is what this node says of itself in every handshake.
	Self Hello

	// Registry knows the names and addresses of the other nodes. Required; the
	// same one must be NodeHostConfig.Expert.NodeRegistryFactory.
	Registry *Registry

	// Admit judges a peer of the right cluster, on both sides of a connection.
	// Its error is the reason that the peer is told, so it must be a sentence
	// for that peer's operator; ErrNotYet asks the peer to come back. It is
	// called concurrently and must not block. Nil admits every node of the
	// cluster.
	Admit func(peer Hello) error

	// OnRefused is told that a peer refused this node for good: the data of
	// this node is not what the cluster has on record. The node should stop and
	// say the reason. It must return at once and must not close the NodeHost
	// itself (it runs in one of its goroutines); it may be called repeatedly.
	//
	// Only a refusal with authority gets here. The refusing node must bear the
	// name that was dialed, and must itself be of this cluster and admitted; or,
	// when it is of another cluster, no node of this one may have accepted this
	// process yet. So a node with a wrong cluster token stops at its first
	// contact, and a running node does not stop because a stranger now answers
	// at the address of a dead peer.
	OnRefused func(peer Hello, reason string)

	// Dial opens a connection to a peer address. Nil dials TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// SnapshotBytesPerSecond limits the snapshot chunks that this node sends,
	// all peers together. Zero or less is unlimited.
	SnapshotBytesPerSecond int64

	// AcceptSnapshot says whether a replica runs here and may be sent a
	// snapshot. Dragonboat panics on a snapshot for a shard that was never
	// started on this node, so a production node should set it. Nil accepts all.
	AcceptSnapshot func(shardID, replicaID uint64) bool

	// Log receives one line per refused or broken connection, rate limited.
	Log zerolog.Logger
}

// MuxConfig bounds what the peer port spends on connections that have not
// said yet who they are.
type MuxConfig struct {
	// HandshakeTimeout is counted from accept to the end of the handshake (Raft)
	// or to the first eight bytes (HTTP). Zero means 3 s.
	HandshakeTimeout time.Duration

	// MaxHandshakes is how many connections may be in that time at once; for one
	// more the oldest is closed. Zero means 128.
	MaxHandshakes int

	// MaxStrangers is how many HTTP connections there may be that nobody has called
	// [Mux.Know] for; for one more the oldest is closed. Zero means 256.
	MaxStrangers int

	// MaxConnections is how many connections there may be in all; one more is
	// closed. Zero means 1,000.
	MaxConnections int

	// Log receives accept errors and dropped connections, rate limited.
	Log zerolog.Logger
}

func (c MuxConfig) withDefaults() MuxConfig {
	if c.HandshakeTimeout <= 0 {
		c.HandshakeTimeout = 3 * time.Second
	}
	if c.MaxHandshakes <= 0 {
		c.MaxHandshakes = 128
	}
	if c.MaxStrangers <= 0 {
		c.MaxStrangers = 256
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = 1000
	}
	return c
}

// quiet returns a logger that cannot be made to flood the log from outside.
func quiet(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second})
}
