package wire_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

const (
	most     = 4 << 20
	patience = 8 * time.Second
)

// connected are both ends of a connection.
func connected(t *testing.T) (near, far *wire.Conn) {
	t.Helper()
	a, b := net.Pipe()
	near, far = wire.NewConn(a, nil, most, patience), wire.NewConn(b, nil, most, patience)
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
	})
	return near, far
}

// request is a message with so many bytes in a call.
func request(id uint64, size int) *conclavev1.PipelineRequest {
	return &conclavev1.PipelineRequest{Calls: []*conclavev1.Call{{CallId: id, Request: bytes.Repeat([]byte{byte(id)}, size)}}}
}

// framed is a message as it is on the wire.
func framed(t *testing.T, message *conclavev1.PipelineRequest) []byte {
	t.Helper()
	data, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(data))), data...)
}

// feeding is a connection from which these bytes come, and then its end.
func feeding(t *testing.T, data []byte) *wire.Conn {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_, _ = far.Write(data)
		_ = far.Close()
	}()
	t.Cleanup(func() { _ = near.Close() })
	return wire.NewConn(near, nil, most, patience)
}

func TestRoundTrips(t *testing.T) {
	near, far := connected(t)
	messages := []*conclavev1.PipelineRequest{{}}
	for i, size := range []int{0, 1, 100, 32<<10 - 20, 32 << 10, 100 << 10, 256 << 10, 3 << 20, 5} {
		messages = append(messages, request(uint64(i)+1, size))
	}
	messages = append(messages, &conclavev1.PipelineRequest{})
	go func() {
		for _, message := range messages {
			if err := near.Send(message); err != nil {
				t.Error(err)
			}
		}
	}()
	var got []*conclavev1.PipelineRequest
	for range messages {
		message := &conclavev1.PipelineRequest{}
		if err := far.Receive(message); err != nil {
			t.Fatal(err)
		}
		got = append(got, message)
	}
	// Compared in the end: no message may have become part of another one.
	for i := range messages {
		if !proto.Equal(got[i], messages[i]) {
			t.Errorf("message %d with %d bytes is another one", i, proto.Size(messages[i]))
		}
	}
}

// What comes after the words that ask for the upgrade may have been read with
// them.
func TestWhatWasReadBefore(t *testing.T) {
	for _, size := range []int{16, 4 << 10, 64 << 10} {
		near, far := net.Pipe()
		defer func() { _ = near.Close() }()
		sender := wire.NewConn(near, nil, most, patience)
		go func() {
			_ = sender.SendAfter([]byte("words\n"), request(1, 1000))
			_ = sender.Send(request(2, 100_000))
			_ = sender.Send(request(3, 0))
		}()
		in := bufio.NewReaderSize(far, size)
		if line, err := in.ReadString('\n'); err != nil || line != "words\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if in.Buffered() == 0 {
			t.Fatal("nothing more was read")
		}
		receiver := wire.NewConn(far, in, most, patience)
		for id, size := range []int{1000, 100_000, 0} {
			var got conclavev1.PipelineRequest
			if err := receiver.Receive(&got); err != nil || !proto.Equal(&got, request(uint64(id)+1, size)) {
				t.Errorf("a reader of %d: message %d: %v", in.Size(), id, err)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	for _, size := range []uint32{most + 1, 1 << 30, 1<<32 - 1} {
		conn := feeding(t, binary.BigEndian.AppendUint32([]byte{0}, size))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := conn.Receive(&conclavev1.PipelineRequest{})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > most/2 {
			t.Errorf("%d bytes were allocated for a message of %d that is not read", n, size)
		}
	}
}

func TestBrokenMessages(t *testing.T) {
	whole := framed(t, request(1, 1000))
	for name, test := range map[string]struct {
		data []byte
		want func(error) bool
	}{
		"an end between messages": {want: func(err error) bool { return err == io.EOF }},
		"cut off in the head":     {whole[:3], func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"cut off after the head":  {whole[:5], func(err error) bool { return err != io.EOF && strings.Contains(err.Error(), "cut off") }},
		"cut off in the body":     {whole[:500], func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"unknown flags":           {[]byte{1, 0, 0, 0, 0}, func(err error) bool { return strings.Contains(err.Error(), "flags 0x1") }},
		"no message":              {[]byte{0, 0, 0, 0, 2, 0xff, 0xff}, func(err error) bool { return err != nil }},
	} {
		conn := feeding(t, append(bytes.Clone(whole), test.data...))
		if err := conn.Receive(&conclavev1.PipelineRequest{}); err != nil {
			t.Errorf("%s: the message before: %v", name, err)
		}
		if err := conn.Receive(&conclavev1.PipelineRequest{}); err == nil || !test.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// inTime checks that something was given up when patience ended, or up to a
// quarter later.
func inTime(t *testing.T, what string, err error, after time.Duration) {
	t.Helper()
	if !errors.Is(err, os.ErrDeadlineExceeded) || after < patience || after > patience*5/4 {
		t.Errorf("%s ended after %v with %v", what, after, err)
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := connected(t)
		began := time.Now()
		inTime(t, "waiting for the first message", far.Receive(&conclavev1.PipelineRequest{}), time.Since(began))

		near, far = connected(t)
		go func() {
			for range 20 { // often enough, however long in all
				<-time.After(patience / 2)
				_ = near.Send(&conclavev1.PipelineRequest{})
			}
		}()
		for range 20 {
			if err := far.Receive(&conclavev1.PipelineRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		began = time.Now()
		inTime(t, "waiting for another message", far.Receive(&conclavev1.PipelineRequest{}), time.Since(began))
	})
}

// A large message may take longer than the patience, as long as it goes on.
func TestSlowMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := request(1, 3<<20)
		a, b := net.Pipe()
		defer func() { _ = a.Close() }()
		go func() {
			for data := framed(t, large); len(data) > 0; data = data[min(len(data), 128<<10):] {
				<-time.After(patience / 4)
				_, _ = a.Write(data[:min(len(data), 128<<10)])
			}
		}()
		conn := wire.NewConn(b, nil, most, patience)
		began := time.Now()
		var got conclavev1.PipelineRequest
		if err := conn.Receive(&got); err != nil || !proto.Equal(&got, large) || time.Since(began) < 2*patience {
			t.Errorf("received after %v: %v", time.Since(began), err)
		}

		go func() {
			for data := make([]byte, 128<<10); ; {
				<-time.After(patience / 4)
				if _, err := io.ReadFull(a, data); err != nil {
					return
				}
			}
		}()
		began = time.Now()
		if err := conn.Send(large); err != nil || time.Since(began) < 2*patience {
			t.Errorf("sent after %v: %v", time.Since(began), err)
		}
		_ = conn.Close()
	})
}

// When the other side takes nothing that is given up, and nothing follows what it
// may have taken in part.
func TestNothingIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		conn := wire.NewConn(near, nil, most, patience)
		began := time.Now()
		first := conn.Send(request(1, 1000))
		inTime(t, "sending", first, time.Since(began))

		began = time.Now()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		if err := conn.Send(&conclavev1.PipelineRequest{}); err != first || time.Since(began) > 0 {
			t.Errorf("sending again: %v, after %v", err, time.Since(began))
		}
		_ = conn.Close()
	})
}

// Close ends what is under way.
func TestCloseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := connected(t)
		ended := make(chan error, 2)
		go func() { ended <- near.Send(request(1, 10)) }()
		go func() { ended <- near.Receive(&conclavev1.PipelineRequest{}) }()
		synctest.Wait()
		began := time.Now()
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-ended; err == nil || errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 0 {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		}
		_ = near.Close() // once more does no harm
	})
}

// tcp are both ends of a connection of the system.
func tcp(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if near, err = net.Dial("tcp", listener.Addr().String()); err == nil {
		far, err = listener.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
	})
	return near, far
}

// What is sent last arrives, though what the other side sends is not read.
func TestLeave(t *testing.T) {
	near, far := tcp(t)
	conn := wire.NewConn(near, nil, most, time.Minute)
	other := wire.NewConn(far, nil, most, time.Minute)
	sent := make(chan error, 1)
	go func() { // more than there is room for
		for range 10 {
			if err := other.Send(request(1, 3<<20)); err != nil {
				sent <- err
				return
			}
		}
		sent <- far.(*net.TCPConn).CloseWrite()
	}()
	const messages = 10
	left := make(chan struct{})
	go func() {
		defer close(left)
		for id := range uint64(messages) {
			if err := conn.Send(request(id, 1<<20)); err != nil {
				t.Error(err)
			}
		}
		over := make(chan struct{})
		close(over)
		conn.Leave(over, time.Minute)
		_ = conn.Close()
	}()
	for id := range uint64(messages) {
		var got conclavev1.PipelineRequest
		if err := other.Receive(&got); err != nil || got.GetCalls()[0].GetCallId() != id {
			t.Fatalf("message %d: %v", id, err)
		}
	}
	if err := other.Receive(&conclavev1.PipelineRequest{}); err != io.EOF {
		t.Errorf("then there is %v", err)
	}
	if err := <-sent; err != nil {
		t.Errorf("sending to who leaves: %v", err)
	}
	<-left
}

// Who leaves waits for nobody longer than it says.
func TestLeaveIsBounded(t *testing.T) {
	near, far := tcp(t)
	conn := wire.NewConn(near, nil, most, time.Minute)
	over := make(chan struct{})
	conn.Leave(over, 10*time.Millisecond) // somebody still receives
	close(over)
	conn.Leave(over, 10*time.Millisecond) // the other side does not end
	_ = conn.Close()
	if err := wire.NewConn(far, nil, most, time.Minute).Receive(&conclavev1.PipelineRequest{}); err != io.EOF {
		t.Error(err)
	}
}

// A length that is only announced costs no memory.
func TestLengthAlone(t *testing.T) {
	const large = 1 << 30
	conn := wire.NewConn(script{Reader: bytes.NewReader([]byte{0, 0x40, 0, 0, 0, 1})}, nil, large, patience)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := conn.Receive(&conclavev1.PipelineRequest{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d bytes for one that came", took)
	}
}

// Whatever comes, receiving ends in a message or an error and takes no more
// memory than the bound allows.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 0, 6, 0x0a, 4, 0x1a, 2, 'a', 'b', 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const bound = 1 << 10
		conn := wire.NewConn(script{Reader: bytes.NewReader(data)}, nil, bound, patience)
		for {
			var got conclavev1.PipelineRequest
			if err := conn.Receive(&got); err != nil {
				return
			}
			kept := 0
			for _, call := range got.GetCalls() {
				kept += len(call.GetRequest())
			}
			if kept > bound {
				t.Fatalf("a message of %d bytes came through", kept)
			}
		}
	})
}

// script is a connection that says what is written down.
type script struct {
	net.Conn
	*bytes.Reader
}

func (s script) Read(p []byte) (int, error)      { return s.Reader.Read(p) }
func (s script) Write(p []byte) (int, error)     { return len(p), nil }
func (s script) SetReadDeadline(time.Time) error { return nil }
