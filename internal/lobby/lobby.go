// Package lobby bounds the connections of a port that have not said yet what they
// are. When it is full the one that has been silent for longest has to go: who
// refused the new ones instead would let strangers that say nothing keep out those
// that would have spoken at once.
package lobby

import (
	"container/list"
	"net"
	"sync"
)

// Lobby holds connections until they leave. Its methods may be called from many
// goroutines.
type Lobby struct {
	most int

	mu    sync.Mutex // protects conns
	conns *list.List // of net.Conn, the oldest first
}

// New makes a lobby for so many connections.
func New(most int) *Lobby { return &Lobby{most: most, conns: list.New()} }

// Enter takes a connection in until leave is called, which may be more than once.
// pushed says that another one was closed for it.
func (l *Lobby) Enter(conn net.Conn) (leave func(), pushed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pushed = l.conns.Len() >= l.most; pushed {
		oldest := l.conns.Front()
		l.conns.Remove(oldest)
		_ = oldest.Value.(net.Conn).Close()
	}
	place := l.conns.PushBack(conn)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns.Remove(place) // does nothing the second time, or when it was pushed out
	}, pushed
}

// Len is how many are in.
func (l *Lobby) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns.Len()
}
