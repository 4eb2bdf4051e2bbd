//go:build !linux

package transport

import (
	"net"
	"time"
)

// setUnackedTimeout has no portable form; keep-alive and write deadlines remain.
func setUnackedTimeout(*net.TCPConn, time.Duration) {}
