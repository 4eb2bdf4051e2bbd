package transport

import (
	"net"
	"time"
)

// unackedTimeout is how long sent bytes may stay unacknowledged before the
// kernel drops the connection. Without it a connection that was cut off for a
// minute is only retried a minute after the network is back.
const unackedTimeout = 5 * time.Second

var keepAlive = net.KeepAliveConfig{
	Enable:   true,
	Idle:     10 * time.Second,
	Interval: 5 * time.Second,
	Count:    3,
}

// tune makes the kernel notice a peer that vanished without a word.
func tune(conn net.Conn) {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAliveConfig(keepAlive)
	setUnackedTimeout(tcp, unackedTimeout)
}
