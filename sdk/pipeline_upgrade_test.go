package conclave

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// consent upgrades connections and lets a test serve them. They are closed then.
func consent(t *testing.T, serve func(conn *wire.Conn) error) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		if r.Header.Get("Upgrade") != wire.Protocol || r.Header.Get("Connection") != "Upgrade" || r.Method != http.MethodGet {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", wire.Protocol); err != nil {
			return
		}
		_ = serve(wire.NewConn(conn, in.Reader, maxResponseBytes, time.Minute))
	}
}

func greetOn(conn *wire.Conn) error { return conn.Send(&conclavev1.PipelineResponse{}) }

// endOn says why a connection ends.
func endOn(conn *wire.Conn, reason conclavev1.ErrorReason) error {
	return conn.Send(&conclavev1.PipelineResponse{Ended: &conclavev1.CallError{
		Code: uint32(connect.CodeUnavailable), Message: "no", Info: &conclavev1.ErrorInfo{Reason: reason},
	}})
}

// answer answers puts, and empty messages, until the connection ends.
func answer(conn *wire.Conn) error {
	for {
		var request conclavev1.PipelineRequest
		if err := conn.Receive(&request); err != nil {
			return err
		}
		response := &conclavev1.PipelineResponse{}
		for _, call := range request.GetCalls() {
			response.Replies = append(response.Replies, putReply(call))
		}
		if err := conn.Send(response); err != nil {
			return err
		}
	}
}

// greetAndAnswer is how a node serves.
func greetAndAnswer(conn *wire.Conn) error {
	if err := greetOn(conn); err != nil {
		return err
	}
	return answer(conn)
}

// Calls go over a connection of their own where the node lets them have it.
func TestUpgradedPipeline(t *testing.T) {
	pipe := &fakePipe{upgrade: consent(t, greetAndAnswer)}
	c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
	var callers sync.WaitGroup
	var mu sync.Mutex
	seen := map[Revision]bool{}
	for range 50 {
		callers.Go(func() {
			for range 20 {
				revision, err := c.Put(t.Context(), "a", "b")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[revision] = true
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if len(seen) != 50*20 || pipe.asked.Load() != 1 || pipe.opened.Load() != 0 {
		t.Errorf("%d answers, %d connections, %d streams", len(seen), pipe.asked.Load(), pipe.opened.Load())
	}
}

// hangUp ends a connection without a word.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// Where the connection is not to be had there is a stream of Connect, and where
// there is none either calls go by themselves. Either is found out once.
func TestUpgradeIsRefused(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	raw := func(answer string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		}
	}
	for name, upgrade := range map[string]func(http.ResponseWriter, *http.Request){
		"an older node":     nil,
		"not found":         status(http.StatusNotFound),
		"a proxy's error":   status(http.StatusBadGateway),
		"success":           status(http.StatusOK),
		"another protocol":  raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
		"something else":    raw("220 mail.example ESMTP\r\n"),
		"nothing":           hangUp,
		"half of an answer": raw("HTTP/1.1 101 Swi"),
	} {
		for _, http2 := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, HTTP/2 is %v", name, http2), func(t *testing.T) {
				pipe := &fakePipe{serve: echoing, upgrade: upgrade}
				node := &fakeNode{put: func(req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
					return &conclavev1.PutResponse{Revision: int64(req.GetRequestId().GetSequence())}, nil
				}}
				c := dial(t, []string{servePipe(t, pipe, node, http2)})
				for want := range Revision(5) {
					if revision, err := c.Put(t.Context(), "a", "b"); err != nil || revision != want+1 {
						t.Fatalf("revision %d, %v", revision, err)
					}
				}
				streams := int64(0)
				if http2 {
					streams = 1
				}
				if pipe.asked.Load() != 1 || pipe.opened.Load() != streams {
					t.Errorf("asked %d times, %d streams", pipe.asked.Load(), pipe.opened.Load())
				}
			})
		}
	}
}

// A call whose connection ends is sent again with its request id.
// Promise D5
func TestUpgradedPipelineBreaks(t *testing.T) {
	for name, end := range map[string]func(conn *wire.Conn) error{
		"cut":      func(*wire.Conn) error { return nil },
		"stopping": func(conn *wire.Conn) error { return endOn(conn, conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN) },
		"confused": func(conn *wire.Conn) error { return endOn(conn, conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE) },
		"garbled": func(conn *wire.Conn) error {
			return conn.SendAfter([]byte("HTTP/1.1 502\r\n\r\n"), &conclavev1.PipelineResponse{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var ids []string
			pipe := &fakePipe{}
			pipe.upgrade = consent(t, func(conn *wire.Conn) error {
				if pipe.asked.Load() == 4 {
					return greetAndAnswer(conn)
				}
				var request conclavev1.PipelineRequest
				if err := errors.Join(greetOn(conn), conn.Receive(&request)); err != nil {
					return err
				}
				var req conclavev1.PutRequest
				if err := proto.Unmarshal(request.GetCalls()[0].GetRequest(), &req); err != nil {
					return err
				}
				mu.Lock()
				ids = append(ids, req.GetRequestId().String())
				mu.Unlock()
				return end(conn)
			})
			c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
			if revision, err := c.Put(t.Context(), "a", "b"); err != nil || revision != 1 {
				t.Fatalf("revision %d, %v", revision, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(ids) != 3 || ids[0] != ids[1] || ids[0] != ids[2] {
				t.Errorf("request ids %q", ids)
			}
			if pipe.asked.Load() != 4 || pipe.opened.Load() != 0 {
				t.Errorf("%d connections, %d streams", pipe.asked.Load(), pipe.opened.Load())
			}
		})
	}
}

// A call that was not sent when the node stopped goes to the next one, also one
// that must not be sent twice; one that was sent may have been carried out.
func TestUpgradedNodeStops(t *testing.T) {
	stop := func(conn *wire.Conn) error { return endOn(conn, conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN) }
	t.Run("before the call", func(t *testing.T) {
		created := 0
		other := &fakeNode{create: func() error { created++; return nil }}
		c := dial(t, []string{servePipe(t, &fakePipe{upgrade: consent(t, stop)}, &fakeNode{}, true), other.serve(t)})
		if _, err := c.CreateNamespace(t.Context(), "n"); err != nil || created != 1 {
			t.Errorf("created %d times, %v", created, err)
		}
	})
	t.Run("with the call", func(t *testing.T) {
		pipe := &fakePipe{upgrade: consent(t, func(conn *wire.Conn) error {
			return errors.Join(greetOn(conn), conn.Receive(&conclavev1.PipelineRequest{}), stop(conn))
		})}
		c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)})
		if _, err := c.CreateNamespace(t.Context(), "n"); !errors.Is(err, ErrOutcomeUnknown) || pipe.asked.Load() != 1 {
			t.Errorf("%d connections, %v", pipe.asked.Load(), err)
		}
	})
}

// Who gives a call up before it was sent knows that nothing happened.
func TestGivenUpUnsent(t *testing.T) {
	for name, greets := range map[string]bool{"unsent": false, "sent": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			pipe := &fakePipe{upgrade: consent(t, func(conn *wire.Conn) error {
				if greets {
					if err := errors.Join(greetOn(conn), conn.Receive(&conclavev1.PipelineRequest{})); err != nil {
						return err
					}
				}
				cancel()
				return conn.Receive(&conclavev1.PipelineRequest{})
			})}
			c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)}, WithDialTimeout(time.Minute))
			_, err := c.Put(ctx, "a", "b")
			if !errors.Is(err, context.Canceled) || errors.Is(err, ErrOutcomeUnknown) != greets {
				t.Error(err)
			}
		})
	}
}

// A node that takes connections and says nothing is given up.
func TestUpgradeIsNotAnswered(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	silent := "http://" + listener.Addr().String()
	c := newConnections(config{dialTimeout: 100 * time.Millisecond})
	defer c.close()
	if conn, err := c.upgrade(t.Context(), silent); conn != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", conn, err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, theirs); err != nil {
		t.Errorf("the connection is left behind: %v", err)
	}
	_ = theirs.Close()

	other := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
		return &conclavev1.PutResponse{Revision: 7}, nil
	}}
	client := dial(t, []string{silent, other.serve(t)}, WithDialTimeout(100*time.Millisecond), WithRequestTimeout(time.Second))
	if revision, err := client.Put(t.Context(), "a", "b"); err != nil || revision != 7 {
		t.Errorf("revision %d, %v", revision, err)
	}
}

// Close ends a connection that is being made.
func TestCloseEndsUpgrade(t *testing.T) {
	asked := make(chan struct{})
	pipe := &fakePipe{upgrade: func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		close(asked)
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}}
	c := dial(t, []string{servePipe(t, pipe, &fakeNode{}, true)}, WithDialTimeout(time.Minute))
	result := make(chan error, 1)
	go func() {
		_, err := c.Put(t.Context(), "a", "b")
		result <- err
	}()
	<-asked
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// serveTLS is a node with a pipeline behind TLS, and what trusts it.
func serveTLS(t *testing.T, pipe *fakePipe, protocols ...string) (url string, roots *x509.CertPool) {
	server := pipeServer(t, pipe, &fakeNode{})
	server.Config.Protocols.SetHTTP2(true)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{NextProtos: protocols}
	server.StartTLS()
	return server.URL, trusting(server)
}

func trusting(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

func TestUpgradeOverTLS(t *testing.T) {
	t.Run("trusted", func(t *testing.T) {
		pipe := &fakePipe{upgrade: consent(t, greetAndAnswer)}
		url, roots := serveTLS(t, pipe)
		c := dial(t, []string{url}, WithTLS(&tls.Config{RootCAs: roots}))
		for want := range Revision(3) {
			if revision, err := c.Put(t.Context(), "a", "b"); err != nil || revision != want+1 {
				t.Errorf("revision %d, %v", revision, err)
			}
		}
		if pipe.asked.Load() != 1 || pipe.opened.Load() != 0 {
			t.Errorf("%d connections, %d streams", pipe.asked.Load(), pipe.opened.Load())
		}
	})
	t.Run("unknown", func(t *testing.T) {
		pipe := &fakePipe{upgrade: consent(t, greetAndAnswer)}
		url, _ := serveTLS(t, pipe)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := dial(t, []string{url}).Put(ctx, "a", "b")
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || errors.Is(err, ErrOutcomeUnknown) {
			t.Error(err)
		}
		if pipe.asked.Load() != 0 {
			t.Error("who is not trusted was asked")
		}
	})
	t.Run("no HTTP/1.1", func(t *testing.T) {
		pipe := &fakePipe{serve: echoing}
		url, roots := serveTLS(t, pipe, "h2")
		c := dial(t, []string{url}, WithTLS(&tls.Config{RootCAs: roots}))
		if revision, err := c.Put(t.Context(), "a", "b"); err != nil || revision != 1 || pipe.opened.Load() != 1 {
			t.Errorf("revision %d over %d streams, %v", revision, pipe.opened.Load(), err)
		}
	})
}
