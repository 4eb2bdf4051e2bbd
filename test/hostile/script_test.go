package hostile

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A server that keeps every connection open and says nothing is no good server: each
// script that wants something has to complain of it, whether it reads what comes, or
// not even that, or has stopped in the middle of its answer.
func TestScriptsTellAServerThatHangs(t *testing.T) {
	all := together(http1Scripts(), clientScripts(), http2Scripts(), grpcScripts(nativePath), peerScripts(), pipelineScripts())
	for _, c := range []struct {
		what  string
		serve func(net.Conn)
	}{
		{"it reads", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }},
		{"it does not read", func(net.Conn) {}},
		{"it stops in a frame", func(conn net.Conn) { _, _ = io.WriteString(conn, frameOf(100, fData, 0, 0)+"cut") }},
	} {
		address := hang(t, c.serve)
		slots := make(chan struct{}, attackers)
		var running sync.WaitGroup
		for _, s := range all {
			if s.lenient {
				continue
			}
			running.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if err := s.run(&attack{address: address, within: 200 * time.Millisecond, quiet: 20 * time.Millisecond}); err == nil {
					t.Errorf("%s, and %q does not mind", c.what, s.name)
				}
			})
		}
		running.Wait()
	}
}

// hang is the address of a server that closes nothing before the test ends.
func hang(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	var serving sync.WaitGroup
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
			serving.Go(func() { serve(conn) })
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-accepted
		for _, conn := range conns {
			_ = conn.Close()
		}
		serving.Wait()
	})
	return l.Addr().String()
}
