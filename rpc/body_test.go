package rpc

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
)

// oneConn is a listener with one connection.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	close(l.done)
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// bodyOf serves one connection with the settings of the client port, and returns
// the answer, how long it took, and what its handler met at the end of the body.
func bodyOf(t *testing.T, send func(io.Writer)) (status int, took time.Duration, met error) {
	t.Helper()
	ended := make(chan error, 1)
	server := HTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	near, far := net.Pipe()
	l := &oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	l.conns <- far
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	began := time.Now()
	go send(near)
	res, err := http.ReadResponse(bufio.NewReader(near), nil)
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	met, status = <-ended, res.StatusCode
	_ = near.Close()
	_ = server.Close()
	<-served
	return status, took, met
}

const bodyHead = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"

// A body that stops is given up, one that goes on is not, however long it takes.
func TestSlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, took, met := bodyOf(t, func(w io.Writer) {
			_, _ = io.WriteString(w, bodyHead+"Content-Length: 100\r\n\r\nbegun")
		})
		if connect.CodeOf(met) != connect.CodeDeadlineExceeded || took != bodyPatience {
			t.Errorf("after %v: %v", took, met)
		}
		status, took, met := bodyOf(t, func(w io.Writer) {
			_, _ = io.WriteString(w, bodyHead+"Content-Length: 1048576\r\n\r\n")
			for range 8 {
				<-time.After(bodyPatience / 2)
				_, _ = io.WriteString(w, strings.Repeat("a", 128<<10))
			}
		})
		if met != nil || status != http.StatusOK || took < 3*bodyPatience {
			t.Errorf("after %v: %d, %v", took, status, met)
		}
	})
}

// Watches and renewals over etcd's gateway are one body, whose messages are small and
// seldom: it may be silent for as long as it likes.
func TestStreamsOfTheGatewayAreNotCutOff(t *testing.T) {
	for _, path := range []string{"/v3/watch", "/v3/lease/keepalive"} {
		synctest.Test(t, func(t *testing.T) {
			status, took, met := bodyOf(t, func(w io.Writer) {
				_, _ = io.WriteString(w, strings.Replace(bodyHead, "/", path, 1)+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
				<-time.After(3 * bodyPatience)
				_, _ = io.WriteString(w, "2\r\n{}\r\n0\r\n\r\n")
			})
			if met != nil || status != http.StatusOK || took != 3*bodyPatience {
				t.Errorf("%s after %v: %d, %v", path, took, status, met)
			}
		})
	}
}

// What is wrong with a body is its sender's fault, and a body without an end is
// not read to it.
func TestBadBodies(t *testing.T) {
	_, _, met := bodyOf(t, func(w io.Writer) {
		_, _ = io.WriteString(w, bodyHead+"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
	})
	if connect.CodeOf(met) != connect.CodeInvalidArgument {
		t.Errorf("a chunk without a length: %v", met)
	}
	_, _, met = bodyOf(t, func(w io.Writer) {
		_, err := io.WriteString(w, bodyHead+"Transfer-Encoding: chunked\r\n\r\n")
		for piece := "10000\r\n" + strings.Repeat("a", 1<<16) + "\r\n"; err == nil; {
			_, err = io.WriteString(w, piece)
		}
	})
	var tooLarge *http.MaxBytesError
	if !errors.As(met, &tooLarge) || tooLarge.Limit != maxBodyBytes {
		t.Errorf("a body without an end: %v", met)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// A body that says itself that it is too large is not waited for.
func TestDeclaredTooLarge(t *testing.T) {
	served := 0
	server := HTTPServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	for _, length := range []int64{maxBodyBytes, maxBodyBytes + 1, 99_999_999_999} {
		req := httptest.NewRequest(http.MethodPost, "/", unread{t})
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = length
		res := httptest.NewRecorder()
		server.Handler.ServeHTTP(res, req)
		want := http.StatusRequestEntityTooLarge
		if length == maxBodyBytes {
			want = http.StatusOK
		}
		if res.Code != want {
			t.Errorf("%d bytes: %d %s", length, res.Code, res.Body)
		}
	}
	if served != 1 {
		t.Errorf("%d were served", served)
	}
}
