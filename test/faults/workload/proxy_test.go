package workload

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy passes connections on to a node, and breaks them when it is told to.
type proxy struct {
	listener net.Listener
	tasks    sync.WaitGroup

	mu     sync.Mutex
	target string // "" refuses
	conns  map[net.Conn]bool
	closed bool
}

// newProxy listens in front of what is to be set with pass.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, conns: make(map[net.Conn]bool)}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.cut()
		p.tasks.Wait()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

// pass leads new connections to an endpoint, and none for "".
func (p *proxy) pass(t *testing.T, endpoint string) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.tasks.Go(func() { p.carry(conn) })
	}
}

// carry passes one connection on until either side ends it.
func (p *proxy) carry(in net.Conn) {
	defer p.drop(in)
	p.mu.Lock()
	target := p.target
	p.conns[in] = true
	p.mu.Unlock()
	if target == "" {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer p.drop(out)
	p.mu.Lock()
	p.conns[out] = true
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return
	}
	p.tasks.Go(func() {
		_, _ = io.Copy(out, in)
		_, _ = out.Close(), in.Close()
	})
	_, _ = io.Copy(in, out)
}

func (p *proxy) drop(conn net.Conn) {
	p.mu.Lock()
	delete(p.conns, conn)
	p.mu.Unlock()
	_ = conn.Close()
}
