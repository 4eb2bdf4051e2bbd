package conclave

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/internal/wire"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

const (
	// How many connections to a node quick calls use at a time.
	quickConns = 128
	// A connection for streams and waits that is silent for pingAfter is asked
	// whether it lives, and given up when it does not answer in pingWait.
	pingAfter = 5 * time.Second
	pingWait  = 5 * time.Second

	maxResponseBytes = 64 << 20
)

// services are all services of a node.
type services struct {
	conclavev1connect.ClusterServiceClient
	conclavev1connect.ElectionServiceClient
	conclavev1connect.KVServiceClient
	conclavev1connect.LeaseServiceClient
	conclavev1connect.MutexServiceClient
	conclavev1connect.NamespaceServiceClient
	conclavev1connect.QueueServiceClient
	conclavev1connect.RegistryServiceClient
	conclavev1connect.TransferServiceClient
	conclavev1connect.WatchServiceClient

	piped   bool       // unary calls go through a pipeline
	watches *watchPipe // of all watches of keys; nil: each has a stream
}

// connections are the sockets of a client to all of its nodes, and what runs on
// them.
type connections struct {
	quick *http.Client // HTTP/1.1
	bulk  *http.Client // HTTP/2 for the pipeline of quick calls
	long  *http.Client // HTTP/2 for everything that stays open

	// led is told by a node which other one leads, by its URLs. It is set before
	// there are calls.
	led func(at *node, urls []string)

	unary       bool // without pipelines
	dialTimeout time.Duration
	dialer      *net.Dialer // for upgraded connections; nil: there are none
	tls         *tls.Config

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	mu     sync.Mutex // orders start before the end of ctx
	tasks  sync.WaitGroup
}

func newConnections(cfg config) *connections {
	c := &connections{unary: cfg.unary, dialTimeout: cfg.dialTimeout}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if cfg.httpClient != nil {
		c.quick, c.bulk, c.long = cfg.httpClient, cfg.httpClient, cfg.httpClient
		return c
	}
	c.dialer, c.tls = &net.Dialer{Timeout: cfg.dialTimeout, KeepAlive: 15 * time.Second}, cfg.tls
	c.quick, c.bulk, c.long = newHTTP1(cfg, c.dialer), newHTTP2(cfg, c.dialer), newHTTP2(cfg, c.dialer)
	return c
}

func newHTTP1(cfg config, dialer *net.Dialer) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     cfg.tls.Clone(),
		TLSHandshakeTimeout: cfg.dialTimeout,
		Protocols:           &protocols,
		MaxConnsPerHost:     quickConns,
		MaxIdleConnsPerHost: quickConns,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}}
}

func newHTTP2(cfg config, dialer *net.Dialer) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     cfg.tls.Clone(),
		TLSHandshakeTimeout: cfg.dialTimeout,
		Protocols:           &protocols,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  pingAfter,
			PingTimeout:      pingWait,
			WriteByteTimeout: pingWait,
		},
	}}
}

// dial makes the clients of a node. Nothing is connected before it is used.
func (c *connections) dial(url string) *node {
	n := &node{
		url:   url,
		quick: newServices(c.quick, url),
		long:  newServices(c.long, url),
		http:  c.quick,
	}
	if !c.unary {
		quick := c.pipeline(c.bulk, url)
		quick.led = func(urls []string) { c.led(n, urls) }
		n.quick = n.quick.pipelined(quick)
		n.long = n.long.pipelined(c.pipeline(c.long, url))
		n.long.watches = newWatchPipe(newPipelineClient(c.long, url), c)
	}
	return n
}

// pipeline makes a pipeline to a node, which connects by itself if it can.
func (c *connections) pipeline(client *http.Client, url string) *pipeline {
	p := newPipeline(newPipelineClient(client, url), c)
	if c.dialer != nil {
		p.upgrade = func(ctx context.Context) (*wire.Conn, error) { return c.upgrade(ctx, url) }
	}
	return p
}

// start runs what ends with the connections. It is false when they are closed.
func (c *connections) start(task func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.tasks.Go(task)
	return true
}

// close ends the pipelines and drops connections that are not in use.
func (c *connections) close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.tasks.Wait()
	c.quick.CloseIdleConnections()
	c.bulk.CloseIdleConnections()
	c.long.CloseIdleConnections()
}

func clientOptions() []connect.ClientOption {
	return []connect.ClientOption{
		// Messages are small: compressing them costs more than it saves.
		connect.WithAcceptCompression("gzip", nil, nil),
		connect.WithReadMaxBytes(maxResponseBytes),
	}
}

func newPipelineClient(client *http.Client, url string) conclavev1connect.PipelineServiceClient {
	whole := *client
	if whole.Transport == nil {
		whole.Transport = http.DefaultTransport
	}
	whole.Transport = wholeMessages{whole.Transport}
	return conclavev1connect.NewPipelineServiceClient(&whole, url, append(clientOptions(), connect.WithCodec(wire.Codec{}))...)
}

func newServices(client *http.Client, url string) *services {
	opts := clientOptions()
	return &services{
		ClusterServiceClient:   conclavev1connect.NewClusterServiceClient(client, url, opts...),
		ElectionServiceClient:  conclavev1connect.NewElectionServiceClient(client, url, opts...),
		KVServiceClient:        conclavev1connect.NewKVServiceClient(client, url, opts...),
		LeaseServiceClient:     conclavev1connect.NewLeaseServiceClient(client, url, opts...),
		MutexServiceClient:     conclavev1connect.NewMutexServiceClient(client, url, opts...),
		NamespaceServiceClient: conclavev1connect.NewNamespaceServiceClient(client, url, opts...),
		QueueServiceClient:     conclavev1connect.NewQueueServiceClient(client, url, opts...),
		RegistryServiceClient:  conclavev1connect.NewRegistryServiceClient(client, url, opts...),
		TransferServiceClient:  conclavev1connect.NewTransferServiceClient(client, url, opts...),
		WatchServiceClient:     conclavev1connect.NewWatchServiceClient(client, url, opts...),
	}
}
