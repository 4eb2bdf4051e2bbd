package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// full is a port that takes one connection and has it.
func full(t *testing.T) string {
	t.Helper()
	d := newDoor(zerolog.Nop())
	d.limit = 1
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for guarded := d.guard([]net.Listener{l})[0]; ; {
			conn, err := guarded.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	enter(t, l.Addr().String())
	return l.Addr().String()
}

// enter opens a connection.
func enter(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

// Who is turned away gets an answer to its request, that a client of the API
// understands.
func TestTurnedAway(t *testing.T) {
	address := full(t)
	keys := conclavev1connect.NewKVServiceClient(&http.Client{Transport: &http.Transport{}}, "http://"+address)
	for range 20 {
		_, err := keys.Put(t.Context(), &conclavev1.PutRequest{Key: "k"})
		var failure *connect.Error
		if failure, _ = err.(*connect.Error); failure == nil || failure.Code() != connect.CodeUnavailable || len(failure.Details()) != 1 {
			t.Fatal(err)
		}
		value, err := failure.Details()[0].Value()
		info, _ := value.(*conclavev1.ErrorInfo)
		if err != nil || info.GetReason() != conclavev1.ErrorReason_ERROR_REASON_OVERLOADED || info.GetRetryAfter().AsDuration() != comeAgain {
			t.Fatalf("%v, %v", value, err)
		}
	}
}

// Who is turned away hears nothing before it has asked, and nothing at all when it
// never does.
func TestTurnedAwayIsAnAnswer(t *testing.T) {
	address := full(t)
	silent, asking := enter(t, address), enter(t, address)
	if _, err := io.WriteString(asking, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(asking)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1" {
		t.Fatalf("%v, %v", res, err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after the answer: %v", err)
	}
	if heard, err := io.ReadAll(silent); len(heard) > 0 || err != nil {
		t.Errorf("who said nothing hears %q, %v", heard, err)
	}
}
