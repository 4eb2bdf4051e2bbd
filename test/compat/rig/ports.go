package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
)

// Ports are taken from below the range that systems give to outgoing
// connections: a client of one node could otherwise sit on the port of another
// one that is down for the moment.
const (
	firstPort = 12000
	lastPort  = 31000
)

// Addresses finds n loopback addresses that nobody listens on. They are all held
// open until the last one is found, so that they differ. They come in order, as
// text too.
func Addresses(t testing.TB, n int) []string {
	t.Helper()
	var found []string
	for len(found) < n {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue // taken
		}
		defer func() { _ = l.Close() }()
		found = append(found, address)
	}
	slices.Sort(found)
	return found
}
