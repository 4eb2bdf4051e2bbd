package transport

import (
	"net"
	"sync"
	"time"
)

// muxConn is an accepted connection, known to its Mux until it is closed.
type muxConn struct {
	net.Conn
	mux  *Mux
	head []byte // read while sniffing, given out again first
	once sync.Once

	mu    sync.Mutex
	leave func() // the strangers; nil: it is not one of them
}

// estranged makes it one of the strangers until leave is called.
func (c *muxConn) estranged(leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave = leave
}

// known takes it from the strangers, if it is one.
func (c *muxConn) known() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leave != nil {
		c.leave()
		c.leave = nil
	}
}

// Read gives the sniffed bytes out again before new ones. Like any net.Conn
// reader of one stream it has one caller at a time.
func (c *muxConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close closes the connection; only the first call counts.
func (c *muxConn) Close() error {
	var err error
	c.once.Do(func() {
		c.mux.mu.Lock()
		delete(c.mux.mu.conns, c)
		c.mux.mu.Unlock()
		c.known()
		err = c.Conn.Close()
	})
	return err
}

// httpListener is the net.Listener that an http.Server sees.
type httpListener struct {
	addr    net.Addr
	conns   chan net.Conn // unbuffered: a connection is either taken or closed
	muxDone <-chan struct{}
	closed  chan struct{}
	once    sync.Once
}

var _ net.Listener = (*httpListener)(nil)

func newHTTPListener(addr net.Addr, muxDone <-chan struct{}) *httpListener {
	return &httpListener{
		addr:    addr,
		conns:   make(chan net.Conn),
		muxDone: muxDone,
		closed:  make(chan struct{}),
	}
}

// Accept waits for the next connection that is not Raft.
func (l *httpListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-l.muxDone:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. Later HTTP connections are closed; Raft goes on.
func (l *httpListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the address of the first peer listener.
func (l *httpListener) Addr() net.Addr { return l.addr }

// hand passes a connection to Accept, or reports that nobody takes it in time.
func (l *httpListener) hand(c net.Conn, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case l.conns <- c:
		return true
	case <-l.closed:
	case <-l.muxDone:
	case <-timer.C:
	}
	return false
}
