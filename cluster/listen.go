package cluster

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/cluster/transport"
	"github.com/conclavehq/conclave/proto/gen/conclave/peer/v1/peerv1connect"
)

// listen opens the peer port. From here on other nodes get answers, at first
// only that this one does not know anything yet.
func (c *Cluster) listen() error {
	listeners := c.cfg.PeerListeners
	if len(listeners) == 0 {
		return errors.New("the peer port needs an address to listen on")
	}
	if c.cfg.AdvertisePeerURL == "" { // a cluster of one
		c.cfg.AdvertisePeerURL = "http://" + listeners[0].Addr().String()
	}
	mux, err := transport.Listen(transport.MuxConfig{MaxConnections: c.cfg.PeerConnections, Log: c.log}, listeners...)
	if err != nil {
		return err
	}
	c.mux = mux

	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	c.server = &http.Server{
		Handler:   c.peerHandler(),
		Protocols: protocols,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: pingAfter,
			PingTimeout:     pingTimeout,
		},
	}
	c.served.Go(func() { _ = c.server.Serve(mux.HTTP()) })
	return nil
}

// peerHandler serves PeerService to nodes of this cluster. Identify also
// answers others, because it tells them that they are others.
func (c *Cluster) peerHandler() http.Handler {
	path, service := peerv1connect.NewPeerServiceHandler(&peerServer{cluster: c},
		connect.WithReadMaxBytes(maxPeerMessage))
	_, strangers := peerv1connect.NewPeerServiceHandler(&peerServer{cluster: c},
		connect.WithReadMaxBytes(maxStrangerMessage))
	handler := http.NewServeMux()
	handler.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if !c.loaded.Load() {
			http.Error(w, "this node is starting", http.StatusServiceUnavailable)
			return
		}
		if r.Header.Get(clusterHeader) == formatID(c.id.ClusterID) {
			c.directory.heard(r.Header)
			c.mux.Know(connOf(r))
		} else if r.URL.Path != peerv1connect.PeerServiceIdentifyProcedure {
			http.Error(w, "this node belongs to another cluster", http.StatusForbidden)
			return
		} else {
			r.Body = http.MaxBytesReader(w, r.Body, maxStrangerMessage)
			strangers.ServeHTTP(w, r)
			return
		}
		service.ServeHTTP(w, r)
	})
	return handler
}

// connKey is where a request's context has its connection.
type connKey struct{}

func connOf(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	return conn
}
