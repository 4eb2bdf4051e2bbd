package transport

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// eventually polls what cannot be waited for.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("condition not reached")
		}
	}
}

func serveHTTP(t *testing.T, m *Mux) {
	t.Helper()
	server := &http.Server{
		ReadHeaderTimeout: patience,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(m.HTTP()); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
}

func mustPost(t *testing.T, addr string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Post("http://"+addr+"/echo", "text/plain", strings.NewReader("ping"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "ping" {
		t.Fatalf("body %q, %v", body, err)
	}
}

func TestHTTPAndRaftShareThePort(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)
	serveHTTP(t, b.mux)

	mustPost(t, b.addr)
	a.mustReach(t, b)
	mustPost(t, b.addr)

	// HTTP goes on without Raft, and Raft can come back on the same port.
	if err := b.trans.Close(); err != nil {
		t.Fatal(err)
	}
	mustPost(t, b.addr)
	if _, err := a.dial(t, b); err == nil {
		t.Error("Raft answers although it is closed")
	}
}

// flakyListener fails before it accepts, as with no file descriptor left.
type flakyListener struct {
	net.Listener
	failures atomic.Int32
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestRegressionDragonboatAcceptEMFILE(t *testing.T) {
	ln := &flakyListener{Listener: listen(t)}
	ln.failures.Store(4)
	mux, err := Listen(MuxConfig{}, ln)
	if err != nil {
		t.Fatal(err)
	}
	defer mux.Close()
	serveHTTP(t, mux)
	mustPost(t, ln.Addr().String())
}

func TestCloseEndsEverything(t *testing.T) {
	b := startPeer(t, clusterNode("n2"), func(m *MuxConfig, _ *Config) { m.HandshakeTimeout = time.Hour })
	a := startPeer(t, clusterNode("n1"), nil).knows(b)
	if _, err := a.dial(t, b); err != nil {
		t.Fatal(err)
	}
	silent := b.dialRaw(t)
	web := b.dialRaw(t)
	write(t, web, []byte("GET / HTTP/1.1\r\n")) // nobody accepts it
	eventually(t, func() bool { return b.mux.handshakes.Len() == 2 })
	if err := b.mux.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeClosed(t, silent)
	mustBeClosed(t, web)
	if _, err := b.mux.HTTP().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("HTTP accept after Close: %v", err)
	}
	if err := b.mux.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := Listen(MuxConfig{}); err == nil {
		t.Error("a mux without listeners started")
	}
}
