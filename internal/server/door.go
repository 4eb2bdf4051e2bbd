package server

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/lobby"
)

const (
	// maxConnections is how many connections clients may have to a node together.
	maxConnections = 10_000
	// maxPeerConnections is how many there may be to its peer port.
	maxPeerConnections = 1000
)

// door counts the connections of all of a node's ports for clients, and turns away
// those that are too many: the others, and the node's own files, need the
// descriptors.
type door struct {
	limit  int64
	open   atomic.Int64
	turned atomic.Int64
	log    zerolog.Logger
	// leaving are connections that are turned away and have not been told yet.
	leaving *lobby.Lobby
}

func newDoor(log zerolog.Logger) *door {
	limit := connectionLimit()
	return &door{limit: limit, log: seldom(log), leaving: lobby.New(int(min(maxLeaving, limit/8)))}
}

// connectionLimit leaves half of the descriptors that the process may have to
// files and to the other nodes.
func connectionLimit() int64 { return min(maxConnections, max(1, descriptors()/2)) }

// peerConnectionLimit is how many of them the other nodes may take.
func peerConnectionLimit() int { return int(min(maxPeerConnections, max(1, descriptors()/4))) }

// guard puts the door before listeners.
func (d *door) guard(listeners []net.Listener) []net.Listener {
	guarded := make([]net.Listener, len(listeners))
	for i, l := range listeners {
		guarded[i] = &guardedListener{Listener: l, door: d}
	}
	return guarded
}

type guardedListener struct {
	net.Listener
	door *door
}

// Accept returns the next connection that there is room for.
func (l *guardedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.door.open.Add(1) <= l.door.limit {
			return &guest{Conn: conn, door: l.door}, nil
		}
		l.door.open.Add(-1)
		l.door.turned.Add(1)
		l.door.log.Warn().Int64("limit", l.door.limit).Stringer("from", conn.RemoteAddr()).
			Msg("a connection was turned away: clients have too many")
		l.door.turnAway(conn)
	}
}

// guest is a connection that counts until it is closed.
type guest struct {
	net.Conn
	door *door
	once sync.Once
}

// Close closes the connection and makes room for another one.
func (g *guest) Close() error {
	g.once.Do(func() { g.door.open.Add(-1) })
	return g.Conn.Close()
}
