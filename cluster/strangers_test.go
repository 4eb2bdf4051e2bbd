package cluster_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// Strangers that ask the peer ports something and stay are pushed out by each other;
// the nodes keep the connections that they have among themselves.
func TestStrangersLeavePeersAlone(t *testing.T) {
	wires := newNetwork()
	r := newRig(t, 3, wires.configure)
	for i := range 30 {
		r.nodes[i%3].put("k", fmt.Sprint(i))
	}
	dialed := wires.dialed()
	for i := range 300 {
		for _, n := range r.nodes {
			conn, err := net.Dial("tcp", n.address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", n.address)
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Fatalf("stranger %d gets no answer: %v", i, err)
			}
		}
	}
	for i := range 30 {
		r.nodes[i%3].put("k", fmt.Sprint(i))
	}
	if again := wires.dialed() - dialed; again != 0 {
		t.Errorf("nodes had to dial %d times more", again)
	}
}

// dialed is how many connections were made.
func (w *network) dialed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.conns)
}
