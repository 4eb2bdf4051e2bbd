package lobby_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/conclavehq/conclave/internal/lobby"
)

func open(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(-time.Second))
	_, err := conn.Read(make([]byte, 1))
	return !errors.Is(err, io.ErrClosedPipe)
}

// The oldest goes for the newest; who left in time keeps its connection.
func TestTheOldestGoes(t *testing.T) {
	l := lobby.New(2)
	var conns []net.Conn
	var leaves []func()
	for i := range 4 {
		conn, other := net.Pipe()
		defer func() { _ = other.Close() }()
		leave, pushed := l.Enter(conn)
		if pushed != (i == 3) {
			t.Errorf("connection %d pushed another out: %v", i, pushed)
		}
		conns, leaves = append(conns, conn), append(leaves, leave)
		if i == 0 {
			leave()
			leave()
		}
	}
	for i, want := range []bool{true, false, true, true} {
		if got := open(conns[i]); got != want {
			t.Errorf("connection %d is open: %v", i, got)
		}
	}
	leaves[1]() // it was pushed out already
	if l.Len() != 2 {
		t.Errorf("%d are in", l.Len())
	}
}

// A lobby for nobody has room for one, the newest.
func TestRoomForOne(t *testing.T) {
	for _, l := range []*lobby.Lobby{lobby.New(0), lobby.New(-1), {}} {
		for i := range 3 {
			conn, other := net.Pipe()
			defer func() { _ = other.Close() }()
			if _, pushed := l.Enter(conn); pushed != (i > 0) || l.Len() != 1 {
				t.Errorf("connection %d pushed another out: %v; %d are in", i, pushed, l.Len())
			}
		}
	}
}

// slow is a connection that is closed when somebody lets it be.
type slow struct {
	net.Conn
	closing, let chan struct{}
}

func (s slow) Close() error {
	close(s.closing)
	<-s.let
	return nil
}

// A connection that is slow to close keeps nobody out.
func TestSlowToClose(t *testing.T) {
	l := lobby.New(1)
	s := slow{closing: make(chan struct{}), let: make(chan struct{})}
	leave, _ := l.Enter(s)
	entered := make(chan struct{})
	go func() {
		l.Enter(slow{closing: make(chan struct{})})
		close(entered)
	}()
	<-s.closing
	leave() // does not wait
	if l.Len() != 1 {
		t.Errorf("%d are in", l.Len())
	}
	close(s.let)
	<-entered
}
