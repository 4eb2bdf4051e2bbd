package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"sync"
	"testing"
	"time"
)

const (
	// endsWithin is how soon a server has to be rid of who says nothing or nonsense:
	// its timeouts are 5 s.
	endsWithin = 9 * time.Second
	// pause is how long nothing comes before nothing more is expected.
	pause = 700 * time.Millisecond
	// flood is how often a flood repeats itself.
	flood = 20_000
	// attackers is how many scripts run at a time.
	attackers = 12
)

// script is an attack over connections of its own. The error says what the server
// should have done.
type script struct {
	name string
	run  func(a *attack) error
	// lenient says that whatever the server does is right, as long as others are
	// served.
	lenient bool
}

// attack is a script on its way to a port.
type attack struct {
	address string
	// within is how soon the server has to act, and quiet how long nothing comes
	// before nothing more is expected.
	within, quiet time.Duration
}

// connect opens a connection whose use is bounded.
func (a *attack) connect() (net.Conn, error) { return a.connectFor(a.within) }

func (a *attack) connectFor(bound time.Duration) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", a.address, bound)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(bound))
	}
	return conn, err
}

// say sends bytes and returns what comes back, until the connection ends, or
// nothing has come for a while, or, with patiently, until the time is over.
func (a *attack) say(text []byte, patiently bool) (reply []byte, ended bool, err error) {
	conn, err := a.connect()
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }()
	var sending sync.WaitGroup
	defer sending.Wait()
	defer func() { _ = conn.Close() }()
	sending.Go(func() { _, _ = conn.Write(text) })
	reply, ended = a.listen(conn, patiently)
	return reply, ended, nil
}

func (a *attack) listen(conn net.Conn, patiently bool) (reply []byte, ended bool) {
	buffer := make([]byte, 64<<10)
	for until := time.Now().Add(a.within); time.Now().Before(until); {
		if !patiently || len(reply) > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(a.quiet))
		}
		n, err := conn.Read(buffer)
		if len(reply) < 4<<20 {
			reply = append(reply, buffer[:n]...)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return reply, false
		}
		if err != nil {
			return reply, true
		}
	}
	return reply, false
}

// want checks the beginning of a reply; a connection that is closed without one
// is as good.
func want(pattern string, reply []byte, ended bool) error {
	if len(reply) == 0 && ended || regexp.MustCompile(pattern).Match(reply) {
		return nil
	}
	return fmt.Errorf("the reply is %.200q (ended: %v), want %s", reply, ended, pattern)
}

// Nothing that comes over the wire ends the process, keeps its memory or holds
// others up.
func TestWire(t *testing.T) {
	n := start(t)
	by := attend(t, n)
	base := n.resident(t)
	began := time.Now()
	slots := make(chan struct{}, attackers)
	var running sync.WaitGroup
	counted := 0
	for port, scripts := range map[string][]script{
		n.client: together(http1Scripts(), clientScripts(), http2Scripts(), grpcScripts(nativePath), pipelineScripts()),
		n.etcd:   together(http1Scripts(), clientScripts(), http2Scripts(), grpcScripts(etcdPath)),
		n.peer:   together(http1Scripts(), http2Scripts(), peerScripts()),
	} {
		name := map[string]string{n.client: "client", n.etcd: "etcd", n.peer: "peer"}[port]
		for _, s := range scripts {
			counted++
			running.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if err := s.run(&attack{address: port, within: endsWithin, quiet: pause}); err != nil {
					t.Errorf("%s port, %s: %v", name, s.name, err)
				}
			})
		}
	}
	running.Wait()
	t.Logf("%d attacks in %v", counted, time.Since(began).Round(time.Millisecond))
	by.judge(t, base)
}

func together(lists ...[]script) (all []script) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// closes is an attack after which the server has to close the connection.
func closes(name string, text []byte) script {
	return script{name: name, run: func(a *attack) error {
		conn, err := a.connect()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if _, err = conn.Write(text); err == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("the connection is open after %v", a.within)
		}
		return nil // it is closed, in order or not
	}}
}

// answers is an attack that is answered in one of some ways.
func answers(name, text, pattern string) script {
	return script{name: name, run: func(a *attack) error {
		reply, ended, err := a.say([]byte(text), true)
		if err != nil {
			return err
		}
		return want(pattern, reply, ended)
	}}
}

// many repeats a piece of bytes.
func many(n int, piece string) []byte { return bytes.Repeat([]byte(piece), n) }
