package etcd

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/lobby"
)

// preface is how every gRPC connection begins, in part: no HTTP/1.1 request does.
const preface = "PRI"

const (
	// prefaceTimeout is how long a connection may take to say what it is.
	prefaceTimeout = 5 * time.Second
	// maxUndecided bounds the connections that have not said it; the oldest goes.
	maxUndecided = 1024
	// acceptPause is how long to wait when the process is out of descriptors.
	acceptPause = 50 * time.Millisecond
)

// Serve answers etcd's clients on a port as etcd does: gRPC, and whatever web
// answers to HTTP/1.1. It returns when the server, web or the listener ends; the
// error is that of a listener that failed.
func (s *Server) Serve(l net.Listener, web *http.Server) error {
	p := &port{Listener: l, log: s.config.Log, undecided: lobby.New(maxUndecided), done: make(chan struct{})}
	native, plain := &branch{port: p, conns: make(chan net.Conn)}, &branch{port: p, conns: make(chan net.Conn)}
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = s.native.Serve(native)
		p.end()
	})
	serving.Go(func() {
		_ = web.Serve(plain)
		p.end()
	})
	err := p.accept(native, plain)
	p.end()
	serving.Wait()
	p.deciding.Wait()
	return err
}

// port shares the connections of a listener out by their first bytes.
type port struct {
	net.Listener
	log       zerolog.Logger
	undecided *lobby.Lobby
	deciding  sync.WaitGroup
	once      sync.Once
	done      chan struct{}
}

// accept goes on until the port ends; that the process is out of descriptors
// passes.
func (p *port) accept(native, plain *branch) error {
	for {
		conn, err := p.Accept()
		switch {
		case err == nil:
			p.admit(conn, native, plain)
		case p.ended() || errors.Is(err, net.ErrClosed):
			return nil
		case passes(err):
			p.log.Error().Err(err).Msg("cannot accept a connection of an etcd client")
			pause := time.NewTimer(acceptPause)
			select {
			case <-pause.C:
			case <-p.done:
			}
			pause.Stop()
		default:
			return err
		}
	}
}

// passes says whether the next connection may be accepted although this one was
// not: it was gone already, or there is no room for it now.
func passes(err error) bool {
	for _, soon := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, soon) {
			return true
		}
	}
	return false
}

// admit gives a connection a goroutine that finds out what it is.
func (p *port) admit(conn net.Conn, native, plain *branch) {
	leave, _ := p.undecided.Enter(conn)
	p.deciding.Go(func() {
		defer leave()
		stop := make(chan struct{})
		defer close(stop)
		go func() { // the port's end does not wait for who says nothing
			select {
			case <-p.done:
				_ = conn.SetReadDeadline(time.Unix(1, 0))
			case <-stop:
			}
		}()
		first := make([]byte, len(preface))
		_ = conn.SetReadDeadline(time.Now().Add(prefaceTimeout))
		if _, err := io.ReadFull(conn, first); err != nil || conn.SetReadDeadline(time.Time{}) != nil {
			_ = conn.Close()
			return
		}
		leave()
		to := plain
		if string(first) == preface {
			to = native
		}
		select {
		case to.conns <- &begun{Conn: conn, first: first}:
		case <-p.done:
			_ = conn.Close()
		}
	})
}

func (p *port) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *port) end() {
	p.once.Do(func() {
		close(p.done)
		_ = p.Close()
	})
}

// branch is the connections of one kind, as a listener.
type branch struct {
	port  *port
	conns chan net.Conn
}

// Accept returns the next connection of this kind.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case conn := <-b.conns:
		return conn, nil
	case <-b.port.done:
		return nil, net.ErrClosed
	}
}

// Close ends the whole port.
func (b *branch) Close() error {
	b.port.end()
	return nil
}

// Addr is the port's address.
func (b *branch) Addr() net.Addr { return b.port.Addr() }

// begun is a connection whose first bytes are read already.
type begun struct {
	net.Conn
	first []byte
}

// Read gives the first bytes, and then the rest.
func (b *begun) Read(into []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(into)
	}
	n := copy(into, b.first)
	b.first = b.first[n:]
	return n, nil
}
