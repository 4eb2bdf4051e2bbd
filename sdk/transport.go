package conclave

import (
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

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
	conclavev1connect.WatchServiceClient
}

// connections are the sockets of a client to all of its nodes.
type connections struct {
	quick *http.Client
	long  *http.Client
}

func newConnections(cfg config) *connections {
	if cfg.httpClient != nil {
		return &connections{quick: cfg.httpClient, long: cfg.httpClient}
	}
	dialer := &net.Dialer{Timeout: cfg.dialTimeout, KeepAlive: 15 * time.Second}

	var http1, http2 http.Protocols
	http1.SetHTTP1(true)
	http2.SetHTTP2(true)
	http2.SetUnencryptedHTTP2(true)
	return &connections{
		quick: &http.Client{Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     cfg.tls.Clone(),
			TLSHandshakeTimeout: cfg.dialTimeout,
			Protocols:           &http1,
			MaxConnsPerHost:     quickConns,
			MaxIdleConnsPerHost: quickConns,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		}},
		long: &http.Client{Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSClientConfig:     cfg.tls.Clone(),
			TLSHandshakeTimeout: cfg.dialTimeout,
			Protocols:           &http2,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
			HTTP2: &http.HTTP2Config{
				SendPingTimeout:  pingAfter,
				PingTimeout:      pingWait,
				WriteByteTimeout: pingWait,
			},
		}},
	}
}

// dial makes the clients of a node. Nothing is connected before it is used.
func (c *connections) dial(url string) *node {
	return &node{
		url:   url,
		quick: newServices(c.quick, url),
		long:  newServices(c.long, url),
		http:  c.quick,
	}
}

// close drops connections that are not in use.
func (c *connections) close() {
	c.quick.CloseIdleConnections()
	c.long.CloseIdleConnections()
}

func newServices(client *http.Client, url string) *services {
	opts := []connect.ClientOption{
		// Messages are small: compressing them costs more than it saves.
		connect.WithAcceptCompression("gzip", nil, nil),
		connect.WithReadMaxBytes(maxResponseBytes),
	}
	return &services{
		conclavev1connect.NewClusterServiceClient(client, url, opts...),
		conclavev1connect.NewElectionServiceClient(client, url, opts...),
		conclavev1connect.NewKVServiceClient(client, url, opts...),
		conclavev1connect.NewLeaseServiceClient(client, url, opts...),
		conclavev1connect.NewMutexServiceClient(client, url, opts...),
		conclavev1connect.NewNamespaceServiceClient(client, url, opts...),
		conclavev1connect.NewQueueServiceClient(client, url, opts...),
		conclavev1connect.NewRegistryServiceClient(client, url, opts...),
		conclavev1connect.NewWatchServiceClient(client, url, opts...),
	}
}
