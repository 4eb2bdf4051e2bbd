package transport

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/lobby"
)

// magic opens a Raft connection. No HTTP request and no TLS record starts so.
const magic = "CNCLVR1\n"

// Mux shares the peer port between Raft connections and HTTP. It runs from
// [Listen] to Close, also while no Raft transport is attached: HTTP works before
// Raft does.
type Mux struct {
	cfg  MuxConfig
	log  zerolog.Logger
	http *httpListener
	done chan struct{} // closed by Close
	wg   sync.WaitGroup

	// handshakes are the connections that are in theirs.
	handshakes *lobby.Lobby
	// strangers are the HTTP connections that have not shown to be a peer's.
	strangers *lobby.Lobby

	listeners []net.Listener

	mu struct {
		sync.Mutex
		closed bool
		conns  map[*muxConn]struct{} // every open connection, HTTP included
		raft   *Transport            // nil while Raft is not running
	}
}

// Listen starts serving the listeners, which the Mux owns from now on. A
// listener may be wrapped in TLS: the TLS handshake then runs in the
// connection's own goroutine, under the same deadline.
func Listen(cfg MuxConfig, listeners ...net.Listener) (*Mux, error) {
	if len(listeners) == 0 {
		return nil, errors.New("transport: no listener for the peer port")
	}
	m := &Mux{
		cfg:       cfg.withDefaults(),
		log:       quiet(cfg.Log),
		done:      make(chan struct{}),
		listeners: listeners,
	}
	m.handshakes = lobby.New(m.cfg.MaxHandshakes)
	m.strangers = lobby.New(m.cfg.MaxStrangers)
	m.http = newHTTPListener(listeners[0].Addr(), m.done)
	m.mu.conns = make(map[*muxConn]struct{})

	for _, ln := range listeners {
		m.wg.Go(func() { m.accept(ln) })
	}
	return m, nil
}

// HTTP returns the listener of everything that is not Raft. The caller runs an
// http.Server on it, with timeouts of its own.
func (m *Mux) HTTP() net.Listener { return m.http }

// Close closes the listeners and every connection, HTTP included, and waits for
// all goroutines of the Mux.
func (m *Mux) Close() error {
	m.mu.Lock()
	if m.mu.closed {
		m.mu.Unlock()
		m.wg.Wait()
		return nil
	}
	m.mu.closed = true
	conns := make([]*muxConn, 0, len(m.mu.conns))
	for c := range m.mu.conns {
		conns = append(conns, c)
	}
	m.mu.Unlock()

	close(m.done)
	var err error
	for _, ln := range m.listeners {
		err = errors.Join(err, ln.Close())
	}
	for _, c := range conns {
		_ = c.Close()
	}
	m.wg.Wait()
	return err
}

// sniff finds out what a connection is and passes it on. It leaves the lobby when
// it has identified itself.
func (m *Mux) sniff(c *muxConn, leave func()) {
	defer leave()

	tune(c.Conn)
	deadline := time.Now().Add(m.cfg.HandshakeTimeout)
	_ = c.SetDeadline(deadline)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		_ = c.Close()
		return
	}
	if string(head) == magic {
		if raft := m.raft(); raft != nil {
			raft.serve(c, leave)
		}
		_ = c.Close()
		return
	}
	c.head = head
	_ = c.SetDeadline(time.Time{})
	m.meet(c)
	if !m.http.hand(c, time.Until(deadline)) {
		_ = c.Close()
	}
}

// meet takes an HTTP connection in among those that may be anybody's. Without a bound
// on them, strangers that ask one question and stay would leave no room for peers.
func (m *Mux) meet(c *muxConn) {
	leave, pushed := m.strangers.Enter(c)
	c.estranged(leave)
	if pushed {
		m.log.Warn().Int("limit", m.cfg.MaxStrangers).
			Msg("too many connections of strangers on the peer port: the oldest was closed")
	}
}

// Know says that a connection from [Mux.HTTP] is a peer's: it is not closed any more to
// make room for others. It may be called with any connection, more than once, and from
// many goroutines.
func (m *Mux) Know(conn net.Conn) {
	if c, ok := conn.(*muxConn); ok && c.mux == m {
		c.known()
	}
}

func (m *Mux) raft() *Transport {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.raft
}

// attach makes t the receiver of Raft connections. Until then they are closed,
// which their dialers take as "try again".
func (m *Mux) attach(t *Transport) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.mu.closed:
		return net.ErrClosed
	case m.mu.raft != nil:
		return errors.New("transport: the peer port already carries a Raft transport")
	}
	m.mu.raft = t
	return nil
}

func (m *Mux) detach(t *Transport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.raft == t {
		m.mu.raft = nil
	}
}
