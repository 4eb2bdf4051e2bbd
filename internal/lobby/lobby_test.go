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
