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

// Lobby holds connections until they leave. The zero value has room for one. Its
// methods may be called from many goroutines.
type Lobby struct {
	most int

	mu    sync.Mutex // protects conns
	conns list.List  // of net.Conn, the oldest first
}

// New makes a lobby for so many connections, or for one if that is less.
func New(most int) *Lobby { return &Lobby{most: most} }

// Enter takes a connection in until leave is called, which may be more than once.
// pushed says that another one was closed for it. While that takes its time, the others
// come and go.
func (l *Lobby) Enter(conn net.Conn) (leave func(), pushed bool) {
	place, oldest := l.place(conn)
	if oldest != nil {
		_ = oldest.Close()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns.Remove(place) // does nothing the second time, or when it was pushed out
	}, oldest != nil
}

// place takes a connection in, and out the one that has to go for it, which may be nil.
func (l *Lobby) place(conn net.Conn) (place *list.Element, oldest net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns.Len() >= max(1, l.most) {
		oldest = l.conns.Remove(l.conns.Front()).(net.Conn)
	}
	return l.conns.PushBack(conn), oldest
}

// Len is how many are in.
func (l *Lobby) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns.Len()
}
