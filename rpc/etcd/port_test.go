package etcd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/conclavehq/conclave/rpc"
	"github.com/conclavehq/conclave/rpc/etcd"
)

// serving is one port of a server, with a page for HTTP/1.1.
type serving struct {
	api   *etcd.Server
	web   *http.Server
	where net.Listener
	ended chan error
}

func servePort(t *testing.T, s *site) *serving {
	t.Helper()
	api, err := etcd.New(etcd.Config{Cluster: s})
	if err != nil {
		t.Fatal(err)
	}
	p := &serving{api: api, where: listen(t), ended: make(chan error, 1)}
	p.web = rpc.HTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") }))
	go func() { p.ended <- api.Serve(p.where, p.web) }()
	t.Cleanup(func() {
		api.Close()
		_ = p.web.Close()
	})
	return p
}

func (p *serving) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.where.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// readPage asks for a page over a connection, in small pieces.
func readPage(t *testing.T, conn net.Conn) {
	t.Helper()
	for _, piece := range []string{"G", "ET", " / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		if _, err := conn.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 4)
	_, err = res.Body.Read(body)
	_ = res.Body.Close()
	if string(body) != "page" {
		t.Fatalf("the page is %q: %v", body, err)
	}
}

// The port tells gRPC from HTTP/1.1, and connections that say nothing hold up
// neither the others nor the port's end.
func TestPortSpeaksBoth(t *testing.T) {
	s := newSite(t)
	p := servePort(t, s)
	for range 20 {
		p.dial(t) // silent
	}
	for range 8 {
		readPage(t, p.dial(t))
	}

	conn := dial(t, p.where)
	defer conn.Close()
	if _, err := pb.NewKVClient(conn).Range(within(t), &pb.RangeRequest{Key: []byte("k")}); err != nil {
		t.Errorf("gRPC: %v", err)
	}

	p.api.Close()
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("the port ended with %v", err)
		}
	case <-within(t).Done():
		t.Fatal("silent connections keep the port from ending")
	}
}

// Connections that say nothing, however many, do not keep out who comes after
// them, and those that begin HTTP/2 and go no further are cut off.
func TestPortUnderSilence(t *testing.T) {
	p := servePort(t, newSite(t))
	half := p.dial(t)
	if _, err := half.Write([]byte("PRI * HTTP/2.0\r\n")); err != nil {
		t.Fatal(err)
	}
	for range 1100 { // there is room for 1024
		p.dial(t)
	}
	readPage(t, p.dial(t))
	if _, err := io.Copy(io.Discard, half); err != nil {
		t.Errorf("half a preface: %v", err)
	}
}

// When the HTTP server is shut down, so is the port.
func TestPortEndsWithItsPages(t *testing.T) {
	p := servePort(t, newSite(t))
	readPage(t, p.dial(t))
	if err := p.web.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("the port ended with %v", err)
		}
	case <-within(t).Done():
		t.Fatal("the port goes on")
	}
}
