package transport

import (
	"net"
	"time"
)

const (
	minAcceptBackoff = 5 * time.Millisecond
	maxAcceptBackoff = time.Second
)

// accept never gives up while the Mux is open: running out of file descriptors
// must pass, not end the node.
func (m *Mux) accept(ln net.Listener) {
	backoff := minAcceptBackoff
	for {
		conn, err := ln.Accept()
		if err == nil {
			backoff = minAcceptBackoff
			m.admit(conn)
			continue
		}
		select {
		case <-m.done:
			return
		default:
		}
		m.log.Error().Err(err).Dur("retry_in", backoff).Msg("cannot accept on the peer port")
		timer := time.NewTimer(backoff)
		select {
		case <-m.done:
			timer.Stop()
			return
		case <-timer.C:
		}
		backoff = min(2*backoff, maxAcceptBackoff)
	}
}

// admit gives the connection a goroutine. When too many are in their handshake the
// oldest of them has to go.
func (m *Mux) admit(conn net.Conn) {
	c := &muxConn{Conn: conn, mux: m}
	m.mu.Lock()
	full := len(m.mu.conns) >= m.cfg.MaxConnections
	if m.mu.closed || full {
		m.mu.Unlock()
		_ = conn.Close()
		if full {
			m.log.Warn().Int("limit", m.cfg.MaxConnections).Msg("peer connection closed: there are too many")
		}
		return
	}
	m.mu.conns[c] = struct{}{}
	m.wg.Add(1)
	m.mu.Unlock()

	leave, pushed := m.handshakes.Enter(c)
	if pushed {
		m.log.Warn().Int("limit", m.cfg.MaxHandshakes).
			Msg("too many peer connections are in their handshake: the oldest was closed")
	}
	go func() {
		defer m.wg.Done()
		m.sniff(c, leave)
	}()
}
