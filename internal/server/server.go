// Package server puts a node together: it opens the ports, starts the cluster and
// the API over it, and ends them in the opposite order.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/internal/config"
	"github.com/conclavehq/conclave/internal/version"
	"github.com/conclavehq/conclave/rpc"
	"github.com/conclavehq/conclave/rpc/etcd"
	"github.com/conclavehq/conclave/statemachine/store"
)

const (
	// cacheBytes is the block cache that all shards of the node share. It is used
	// as needed.
	cacheBytes = store.DefaultCacheBytes
	// recentBytes is what all shards of the node together may keep of the records
	// that were written or read last, as needed, too.
	recentBytes = 3 * store.DefaultRecentBytes
	// stopTimeout bounds a graceful stop; what is not done by then is cut off.
	stopTimeout = 10 * time.Second
	// drainTimeout is how long calls that are being served may take to end.
	drainTimeout = 3 * time.Second
)

// Options are a node's settings, and what a program may choose beside them.
type Options struct {
	// Settings are validated by the caller.
	Settings config.Server
	// ClientListeners and PeerListener are used instead of the URLs of the
	// settings. The node owns and closes them, also when it cannot start.
	ClientListeners []net.Listener
	PeerListener    net.Listener
	// Debug is served at the settings' ListenDebugURL.
	Debug http.Handler
	// Log receives what the operator should know.
	Log zerolog.Logger
}

// Node is a running node. Its methods may be called from many goroutines.
type Node struct {
	log     zerolog.Logger
	urls    []string
	cluster *cluster.Cluster
	api     *rpc.Server
	http    *http.Server
	etcd    etcdPort
	door    *door
	debug   debugPort
	cache   *store.Cache

	// failed receives the first reason why the node cannot go on.
	failed  chan error
	serving sync.WaitGroup

	stopOnce sync.Once
	stopErr  error
}

// Start runs a node and returns as soon as its replicas run and its client port
// answers. It logs one line when it serves. On an error nothing is left behind.
func Start(ctx context.Context, opts Options) (*Node, error) {
	listeners := opts.ClientListeners
	if listeners == nil {
		var err error
		if listeners, err = listen(ctx, "--listen-client-urls", opts.Settings.ListenClientURLs); err != nil {
			return nil, err
		}
	}
	n := &Node{
		log:    opts.Log,
		urls:   served(listeners),
		failed: make(chan error, 1),
		door:   newDoor(opts.Log),
		cache:  store.NewCache(cacheBytes),
	}
	listeners = n.door.guard(listeners)
	if err := n.start(ctx, opts); err != nil {
		closeAll(listeners)
		n.cache.Unref()
		return nil, err
	}
	n.serve(listeners)
	return n, nil
}

func (n *Node) start(ctx context.Context, opts Options) error {
	peers, err := peerListeners(ctx, opts)
	if err != nil {
		return err
	}
	if n.etcd.listeners, err = listenEtcd(ctx, opts); err != nil {
		closeAll(peers)
		return err
	}
	n.etcd.listeners = n.door.guard(n.etcd.listeners)
	if n.debug, err = openDebug(ctx, opts); err != nil {
		closeAll(append(peers, n.etcd.listeners...))
		return err
	}
	settings, err := clusterConfig(opts, peers, n)
	if err != nil {
		closeAll(slices.Concat(peers, n.etcd.listeners, n.debug.listeners))
		return err
	}
	if n.cluster, err = cluster.Start(ctx, settings); err != nil {
		closeAll(append(n.debug.listeners, n.etcd.listeners...))
		return err
	}
	if err := n.etcd.open(n.cluster, opts); err != nil {
		closeAll(append(n.debug.listeners, n.etcd.listeners...))
		return errors.Join(err, n.cluster.Stop(ctx))
	}
	registry := newRegistry(n.cluster, n.door)
	n.api = rpc.New(rpc.Config{
		Cluster:  handlers{n.cluster},
		Version:  version.Version,
		Versions: etcd.Versions(),
		Registry: registry,
		Metrics:  metricsHandler(registry),
		Also:     n.etcd.mount,
		Problems: n.problems,

		AlsoServices: n.etcd.api.Services(),
		Log:          n.log,
	})
	n.http = rpc.HTTPServer(n.api.Handler())
	n.http.ErrorLog = httpLog(n.log)
	n.debug.http.ErrorLog = httpLog(n.log)
	return nil
}

// peerListeners opens the peer port, unless it was handed in.
func peerListeners(ctx context.Context, opts Options) ([]net.Listener, error) {
	if opts.PeerListener != nil {
		return []net.Listener{opts.PeerListener}, nil
	}
	return listen(ctx, "--listen-peer-urls", opts.Settings.ListenPeerURLs)
}

// serve answers clients on the listeners, and the operator on the debug port.
func (n *Node) serve(listeners []net.Listener) {
	answer := func(port string, with *http.Server, l net.Listener) {
		n.serving.Go(func() {
			if err := with.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				n.fail(fmt.Errorf("the %s port %s failed: %w", port, l.Addr(), err))
			}
		})
	}
	for _, l := range listeners {
		answer("client", n.http, l)
	}
	n.etcd.serve(n)
	for _, l := range n.debug.listeners {
		answer("debug", n.debug.http, l)
		n.log.Info().Str("debug_url", "http://"+l.Addr().String()+"/debug/pprof/").Msg("serving profiles")
	}
}

// Ready is closed when the node is part of its cluster and serves.
func (n *Node) Ready() <-chan struct{} { return n.cluster.Ready() }

// problems are what the API says of a node that is not part of its cluster yet: one
// that joins knows leaders before it has the data.
func (n *Node) problems() []string {
	select {
	case <-n.Ready():
		return nil
	default:
		return []string{"this node is not part of its cluster yet"}
	}
}

// URLs are where clients reach the node.
func (n *Node) URLs() []string { return n.urls }

// EtcdURLs are where etcd's clients reach the node, beside URLs.
func (n *Node) EtcdURLs() []string { return served(n.etcd.listeners) }

// Cluster is the node as a member of its cluster.
func (n *Node) Cluster() *cluster.Cluster { return n.cluster }

// fail records why the node cannot go on; the first reason counts.
func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}

// Wait returns when ctx ends, after a graceful stop, or with the reason why the
// node cannot go on.
func (n *Node) Wait(ctx context.Context) error {
	ready := n.Ready()
	for {
		select {
		case <-ready:
			ready = nil
			n.log.Info().Strs("client_urls", n.urls).Strs("etcd_urls", n.EtcdURLs()).Str("version", version.Version).
				Msg("ready to serve client requests")
		case err := <-n.failed:
			return errors.Join(err, n.Stop(context.WithoutCancel(ctx)))
		case <-ctx.Done():
			n.log.Info().Msg("stopping")
			err := n.Stop(context.WithoutCancel(ctx))
			n.log.Info().Msg("stopped")
			return err
		}
	}
}
