package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"
)

// Peer is a member as the operator's configuration names it.
type Peer struct {
	// Name is the node's name, unique in the cluster.
	Name string
	// URL is where its peer port is reached, "http://host:7401".
	URL string
}

// Config says who this node is, whom it belongs to and how it behaves.
type Config struct {
	// Name is this node's name; it must be one of InitialCluster.
	Name string

	// Dir is the data directory. It is created when it does not exist.
	Dir string

	// PeerListeners is where other nodes reach this one. The cluster owns and
	// closes them, also when Start fails. Required.
	PeerListeners []net.Listener

	// PeerConnections bounds the connections to PeerListeners. Zero means 1,000.
	PeerConnections int

	// AdvertisePeerURL is where the other nodes reach this one. Empty: the URL
	// that InitialCluster has for Name.
	AdvertisePeerURL string

	// ClientURLs is where clients reach this node; told to the other nodes.
	ClientURLs []string

	// InitialCluster names all members, this node included. The set of names is
	// part of the cluster's identity; the addresses may change later. Empty
	// means a cluster of this node alone.
	InitialCluster []Peer

	// JoinExisting says that the cluster runs already and this node, whose data
	// directory is empty, takes the place of a replaced one. It has no effect
	// once the directory holds a node.
	JoinExisting bool

	// ClusterToken separates clusters that have members of the same names.
	// Empty means "conclave".
	ClusterToken string

	// DataShards is how many shards carry namespaces. Zero means 2. It is fixed
	// when the cluster is made.
	DataShards int

	// Version is this program's version; told to the other nodes.
	Version string

	// NewMachine makes the state machine of a replica, not yet opened. Required.
	NewMachine func(MachineConfig) Machine

	// Tick is Raft's unit of time. Zero means 20 ms. Heartbeats go out every
	// HeartbeatTicks (zero: 5) and an election begins when none arrived for
	// ElectionTicks to twice that (zero: 50; at least 10 heartbeats, unless the
	// node is alone).
	Tick           time.Duration
	HeartbeatTicks uint64
	ElectionTicks  uint64

	// SnapshotEntries is after how many log entries a replica makes its state
	// durable and forgets the log, but for the last CompactionOverhead entries.
	// Zero means 20,000 and 5,000.
	SnapshotEntries    uint64
	CompactionOverhead uint64

	// SnapshotBytesPerSecond limits the snapshots that this node sends, all of
	// them together, so that a replica that catches up does not take the network
	// away from commits. Zero means 64 MiB; negative is unlimited.
	SnapshotBytesPerSecond int64

	// MaxQueuedOps and MaxQueuedBytes bound the commands that wait for a shard's
	// leader to log them; one more gets ErrOverloaded. Zero means 50,000 and
	// 64 MiB.
	MaxQueuedOps   int
	MaxQueuedBytes int

	// LeastRoom is how many bytes must stay free on a disk of a size, that of Dir.
	// With less on any node, the cluster refuses what makes its state larger. Nil:
	// this node does not look.
	LeastRoom func(total int64) int64

	// DiskRoom tells how many bytes are free on the disk of a directory, and how
	// many it has. Nil asks the operating system.
	DiskRoom func(dir string) (free, total int64, err error)

	// Dial opens connections to other nodes' peer ports. Nil dials TCP. Tests cut
	// the network here.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Fatal is told, once, why this node must stop: another node knows that its
	// data is not what the cluster has on record. The callee should call Stop
	// from another goroutine and report the error. Required.
	Fatal func(error)

	// Log receives what the operator should know.
	Log zerolog.Logger
}

// withDefaults fills in what was left zero, or says what cannot work.
func (c Config) withDefaults() (Config, error) {
	if c.NewMachine == nil || c.Fatal == nil {
		return c, errors.New("cluster: Config.NewMachine and Config.Fatal are required")
	}
	if c.Dir == "" {
		return c, errors.New("a data directory is required")
	}
	c.ClusterToken = or(c.ClusterToken, "conclave")
	c.DataShards = or(c.DataShards, 2)
	c.Tick = or(c.Tick, 20*time.Millisecond)
	c.HeartbeatTicks = or(c.HeartbeatTicks, 5)
	c.ElectionTicks = or(c.ElectionTicks, 10*c.HeartbeatTicks)
	c.SnapshotEntries = or(c.SnapshotEntries, 20_000)
	c.CompactionOverhead = or(c.CompactionOverhead, 5_000)
	c.SnapshotBytesPerSecond = or(c.SnapshotBytesPerSecond, 64<<20)
	c.MaxQueuedOps = or(c.MaxQueuedOps, 50_000)
	c.MaxQueuedBytes = or(c.MaxQueuedBytes, 64<<20)
	if c.DiskRoom == nil {
		c.DiskRoom = diskRoom
	}
	if c.Dial == nil {
		c.Dial = dialPeer
	}
	if c.DataShards < 1 || c.DataShards > maxDataShards {
		return c, fmt.Errorf("the number of data shards must be 1 to %d, not %d", maxDataShards, c.DataShards)
	}
	if len(c.InitialCluster) == 0 {
		c.InitialCluster = []Peer{{Name: c.Name, URL: c.AdvertisePeerURL}}
	}
	if c.Tick < time.Millisecond || c.ElectionTicks < 10*c.HeartbeatTicks && len(c.InitialCluster) > 1 {
		return c, errors.New("the election timeout must be at least ten heartbeat intervals, of at least a millisecond")
	}
	return c, c.checkMembers()
}

func (c *Config) checkMembers() error {
	seen := make(map[string]bool)
	for _, p := range c.InitialCluster {
		if p.Name == "" || len(p.Name) > 255 {
			return fmt.Errorf("a member's name must have 1 to 255 bytes, %q has %d", p.Name, len(p.Name))
		}
		if seen[p.Name] {
			return fmt.Errorf("the initial cluster names %q twice", p.Name)
		}
		seen[p.Name] = true
		if p.Name == c.Name {
			c.AdvertisePeerURL = or(c.AdvertisePeerURL, p.URL)
		}
	}
	if !seen[c.Name] {
		return fmt.Errorf("this node's name %q is not in the initial cluster", c.Name)
	}
	if len(c.InitialCluster) > 1 || c.AdvertisePeerURL != "" {
		if _, err := peerAddress(c.AdvertisePeerURL); err != nil {
			return err
		}
	}
	for _, p := range c.InitialCluster {
		if p.Name == c.Name {
			continue
		}
		if _, err := peerAddress(p.URL); err != nil {
			return err
		}
	}
	return nil
}

// or returns v, or its default when it is zero.
func or[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}
