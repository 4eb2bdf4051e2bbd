package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports are taken from below the range that systems give to outgoing
// connections: a client of one node could otherwise sit on the port of another
// one that is down for the moment.
const (
	firstPort = 12000
	lastPort  = 31000
)

// given are the ports of all tests of this process so far. A node may be down for the
// moment, so that another test would find its port free.
var given struct {
	sync.Mutex // protects what follows
	ports      map[int]bool
}

// freePorts finds loopback ports that nobody listens on, and that no other test was given.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	var ports []int
	for len(ports) < n {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken
		}
		if err = l.Close(); err != nil {
			t.Fatal(err)
		}
		given.ports[port] = true
		ports = append(ports, port)
	}
	return ports
}
