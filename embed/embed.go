// Package embed runs a Conclave node inside a Go program: the same node as
// `conclave server` runs, with the same durability, on a directory and ports of
// the program's choice.
package embed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/config"
	"github.com/conclavehq/conclave/internal/server"
)

// Config says how to run the node. Only Dir is required.
type Config struct {
	// Dir is the data directory; it is created if it does not exist.
	Dir string
	// Name is the node's name. Default "default".
	Name string
	// ClientURL is where to serve clients. Default http://127.0.0.1:0, a free
	// port that Node.Endpoints tells.
	ClientURL string
	// EtcdURL is where to serve etcd's clients with etcd's API. Default: nowhere
	// but at ClientURL, which serves it too.
	EtcdURL string
	// PeerURL is where to serve the other nodes. Default http://127.0.0.1:0,
	// which suits a node alone only.
	PeerURL string
	// InitialCluster lists all nodes as NAME=URL,… like --initial-cluster.
	// Default: this node alone.
	InitialCluster string
	// ClusterToken tells this cluster from others. Default "conclave-cluster".
	ClusterToken string
	// Logger receives what an operator should know; nil drops it.
	Logger *slog.Logger
}

// Node is a running node. Its methods may be called from many goroutines.
type Node struct {
	node *server.Node

	cancel  context.CancelFunc
	waiting sync.WaitGroup
	// done is closed, after err is set, when the node has ended.
	done chan struct{}
	err  error
}

// Start runs a node and returns when it serves. ctx bounds the start alone; the
// node runs until Stop, or until it cannot go on (see Done). When the node is
// one of several, Start needs a majority of them to be starting too.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	opts, err := options(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	inner, err := server.Start(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("embed: cannot start: %w", err)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n := &Node{node: inner, cancel: cancel, done: make(chan struct{})}
	n.waiting.Go(func() {
		defer close(n.done)
		n.err = inner.Wait(running)
	})
	select {
	case <-inner.Ready():
		return n, nil
	case <-n.done:
		return nil, fmt.Errorf("embed: the node ended before it was ready: %w", n.err)
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("embed: the node was not ready in time: %w", context.Cause(ctx)), n.Stop())
	}
}

// options translates cfg and opens the ports, so that a port 0 becomes a real
// one before the node tells anybody about it.
func options(ctx context.Context, cfg Config) (server.Options, error) {
	if cfg.Dir == "" {
		return server.Options{}, errors.New("Config.Dir is empty: name a data directory")
	}
	clients, err := listen(ctx, "Config.ClientURL", cfg.ClientURL)
	if err != nil {
		return server.Options{}, err
	}
	peers, err := listen(ctx, "Config.PeerURL", cfg.PeerURL)
	if err != nil {
		return server.Options{}, errors.Join(err, clients.Close())
	}
	settings := config.Default()
	settings.DataDir = cfg.Dir
	settings.ListenClientURLs = "http://" + clients.Addr().String()
	settings.ListenEtcdURLs = cfg.EtcdURL
	settings.ListenPeerURLs = "http://" + peers.Addr().String()
	settings.InitialCluster = cfg.InitialCluster
	if cfg.Name != "" {
		settings.Name = cfg.Name
	}
	if cfg.ClusterToken != "" {
		settings.InitialClusterToken = cfg.ClusterToken
	}
	if err := settings.Validate(); err != nil {
		return server.Options{}, errors.Join(err, clients.Close(), peers.Close())
	}
	return server.Options{
		Settings:        settings,
		ClientListeners: []net.Listener{clients},
		PeerListener:    peers,
		Log:             logger(cfg.Logger),
	}, nil
}

func listen(ctx context.Context, field, url string) (net.Listener, error) {
	if url == "" {
		url = "http://127.0.0.1:0"
	}
	addresses, err := config.Addresses(url)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addresses[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return l, nil
}

// logger carries the node's log lines to the program's logger.
func logger(to *slog.Logger) zerolog.Logger {
	if to == nil {
		return zerolog.Nop()
	}
	return zerolog.New(slogWriter{to}).Level(zerolog.InfoLevel)
}

// Endpoints are the URLs for conclave.Dial.
func (n *Node) Endpoints() []string { return n.node.URLs() }

// EtcdEndpoints are the URLs for etcd's clients, if Config.EtcdURL is set.
func (n *Node) EtcdEndpoints() []string { return n.node.EtcdURLs() }

// Done is closed when the node has ended: after Stop, or because it could not go
// on. Err then tells why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is the reason why the node ended; nil while it runs and after Stop.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// Stop ends the node gracefully and returns when everything of it has ended.
func (n *Node) Stop() error {
	n.cancel()
	n.waiting.Wait()
	return n.err
}

// AdvanceClock moves the node's log clock forward, as if d had passed: leases
// expire, delays end. It is meant for tests, and moves only the shards that this
// node leads.
func (n *Node) AdvanceClock(d time.Duration) { n.node.Cluster().AdvanceClock(d) }
