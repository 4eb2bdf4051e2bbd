package cluster_test

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/conclavehq/conclave/cluster"
)

// network is the connections between the nodes of a rig, which can be cut.
type network struct {
	mu    sync.Mutex
	names map[string]string   // by address
	conns map[net.Conn]string // open connections, with "from to"
	cut   map[string]bool     // nodes that are cut off
}

func newNetwork() *network {
	return &network{names: make(map[string]string), conns: make(map[net.Conn]string), cut: make(map[string]bool)}
}

// configure makes a node dial through the network.
func (w *network) configure(c *cluster.Config) {
	for _, p := range c.InitialCluster {
		w.names[p.URL[len("http://"):]] = p.Name
	}
	from := c.Name
	c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		w.mu.Lock()
		to := w.names[addr]
		blocked := w.cut[from] || w.cut[to]
		w.mu.Unlock()
		if blocked {
			return nil, errors.New("the network is cut")
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.cut[from] || w.cut[to] {
			_ = conn.Close()
			return nil, errors.New("the network is cut")
		}
		w.conns[conn] = from + " " + to
		return conn, nil
	}
}

// isolate cuts a node off from all others.
func (w *network) isolate(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[name] = true
	for conn, ends := range w.conns {
		if ends[:1] == name || ends[2:] == name {
			_ = conn.Close()
			delete(w.conns, conn)
		}
	}
}

// heal joins everybody again.
func (w *network) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.cut)
}
