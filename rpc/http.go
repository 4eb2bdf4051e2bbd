package rpc

import (
	"net/http"
	"time"
)

// HTTPServer is an http.Server for a Server's handler: HTTP/1.1 for curl and
// browsers and HTTP/2, without TLS too, on one port. It has no read or write
// timeouts, which would end streams; pings find dead connections instead.
func HTTPServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           patient(handler),
		Protocols:         protocols,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          4096,
			SendPingTimeout:               15 * time.Second,
			PingTimeout:                   10 * time.Second,
			WriteByteTimeout:              30 * time.Second,
			MaxReceiveBufferPerConnection: 4 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
		},
	}
}
