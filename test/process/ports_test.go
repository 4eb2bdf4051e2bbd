package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are taken from below the range that systems give to outgoing
// connections: a client of one node could otherwise sit on the port of another
// one that is down for the moment.
const (
	firstPort = 12000
	lastPort  = 31000
)

// freePorts finds loopback ports that nobody listens on. They are all held open
// until the last one is found, so that they differ.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, port)
	}
	return ports
}
