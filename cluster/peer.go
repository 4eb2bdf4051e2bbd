package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/proto/gen/conclave/peer/v1/peerv1connect"
)

const (
	// dialTimeout is how long a peer may take to accept a connection.
	dialTimeout = time.Second
	// A peer that sends nothing for pingAfter is asked whether it lives, and
	// its connection is given up pingTimeout later.
	pingAfter   = time.Second
	pingTimeout = 2 * time.Second
	// maxPeerMessage bounds a message between nodes.
	maxPeerMessage = 64 << 20
	// maxStrangerMessage is the same of who only asks who this node is.
	maxStrangerMessage = 64 << 10
)

// The headers by which a node says who it is.
const (
	clusterHeader     = "Conclave-Cluster"
	nodeHeader        = "Conclave-Node"
	incarnationHeader = "Conclave-Incarnation"
	peerURLHeader     = "Conclave-Peer-Url"
)

// peer is another node of the cluster.
type peer struct {
	name   string
	client *http.Client
	calls  *forwarder

	mu  sync.Mutex
	url string
}

func newPeer(name, url string, client *http.Client) *peer {
	p := &peer{name: name, url: url, client: client}
	p.calls = newForwarder(p.service)
	return p
}

// service is the peer's service at its current address.
func (p *peer) service() peerv1connect.PeerServiceClient {
	return peerService(p.client, p.address())
}

func (p *peer) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

func (p *peer) moveTo(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.url = url
}

func peerService(client *http.Client, url string) peerv1connect.PeerServiceClient {
	return peerv1connect.NewPeerServiceClient(client, url,
		connect.WithReadMaxBytes(maxPeerMessage),
		connect.WithAcceptCompression("gzip", nil, nil))
}

// newPeerClient makes the client for all peers. It speaks HTTP/2 without TLS, so
// that many calls and a stream share one connection.
func newPeerClient(id identity, cfg *Config) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &introducing{
		header: http.Header{
			clusterHeader:     {formatID(id.ClusterID)},
			nodeHeader:        {id.Name},
			incarnationHeader: {formatID(id.Incarnation)},
			peerURLHeader:     {cfg.AdvertisePeerURL},
		},
		next: &http.Transport{
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				return cfg.Dial(ctx, addr)
			},
			Protocols:       protocols,
			IdleConnTimeout: time.Minute,
			HTTP2: &http.HTTP2Config{
				SendPingTimeout: pingAfter,
				PingTimeout:     pingTimeout,
			},
		},
	}}
}

func dialPeer(ctx context.Context, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, "tcp", addr)
}

// introducing adds to every request who sends it.
type introducing struct {
	header http.Header
	next   *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *introducing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range t.header {
		r.Header[name] = values
	}
	return t.next.RoundTrip(r)
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (t *introducing) CloseIdleConnections() { t.next.CloseIdleConnections() }

func formatID(id uint64) string { return fmt.Sprintf("%016x", id) }

func parseID(s string) (uint64, error) { return strconv.ParseUint(s, 16, 64) }

// peerAddress is the host and port of a peer URL.
func peerAddress(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" {
		return "", fmt.Errorf("a peer URL must look like http://host:7401, not %q", raw)
	}
	return u.Host, nil
}
