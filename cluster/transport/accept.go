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

// admit gives the connection a goroutine if there is a handshake slot for it.
func (m *Mux) admit(conn net.Conn) {
	select {
	case m.slots <- struct{}{}:
	default:
		_ = conn.Close()
		m.log.Warn().Int("limit", m.cfg.MaxHandshakes).
			Msg("peer connection closed: too many are in their handshake")
		return
	}
	c := &muxConn{Conn: conn, mux: m}
	m.mu.Lock()
	full := len(m.mu.conns) >= m.cfg.MaxConnections
	if m.mu.closed || full {
		m.mu.Unlock()
		_ = conn.Close()
		<-m.slots
		if full {
			m.log.Warn().Int("limit", m.cfg.MaxConnections).Msg("peer connection closed: there are too many")
		}
		return
	}
	m.mu.conns[c] = struct{}{}
	m.wg.Add(1)
	m.mu.Unlock()

	go func() {
		defer m.wg.Done()
		m.sniff(c)
	}()
}
