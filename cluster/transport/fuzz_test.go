package transport

import (
	"bytes"
	"net"
	"runtime"
	"testing"
	"time"
)

// said is a connection from which bytes come.
type said struct {
	net.Conn
	*bytes.Reader
}

func (s said) Read(p []byte) (int, error)      { return s.Reader.Read(p) }
func (s said) SetReadDeadline(time.Time) error { return nil }

// A connection that says anything gives frames as they were sealed, and then an
// error; the room that it takes is in proportion to what came.
func FuzzFrames(f *testing.F) {
	whole := append(make([]byte, frameHeaderLen), "payload"...)
	frameHeader(whole, chunkFrame)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add([]byte{1, 4, 0x10, 0, 0, 0, 0, 0, 0, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := newFrameReader(said{Reader: bytes.NewReader(data)})
		var again []byte
		for {
			kind, payload, err := r.next()
			if err != nil {
				break
			}
			frame := append(make([]byte, frameHeaderLen), payload...)
			frameHeader(frame, kind)
			again = append(again, frame...)
		}
		runtime.ReadMemStats(&after)
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("%x has the frames %x", data, again)
		}
		if grown := int(after.TotalAlloc - before.TotalAlloc); grown > 4<<20+16*len(data) {
			t.Fatalf("%d bytes cost %d", len(data), grown)
		}
	})
}

// A handshake that is read is the same when it is sealed again.
func FuzzHandshake(f *testing.F) {
	self := Hello{ClusterID: 1, Incarnation: 2, Generation: 3, Name: "n1"}
	f.Add(sealHandshake(nil, kindHello, self.appendTo), true)
	f.Add(sealHandshake(nil, kindAnswer, answer{verdict: refused, reason: "no", from: self}.appendTo), false)
	f.Add([]byte{1, 1, 0xff, 0xff}, true)
	f.Fuzz(func(t *testing.T, data []byte, hello bool) {
		if hello {
			body, err := readHandshake(bytes.NewReader(data), kindHello)
			if err != nil {
				return
			}
			if h, err := parseHello(body); err == nil && !bytes.HasPrefix(body, h.appendTo(nil)) {
				t.Fatalf("%x reads as %v", body, h)
			}
			return
		}
		body, err := readHandshake(bytes.NewReader(data), kindAnswer)
		if err != nil {
			return
		}
		if a, err := parseAnswer(body); err == nil && !bytes.HasPrefix(body, a.appendTo(nil)) {
			t.Fatalf("%x reads as %v", body, a)
		}
	})
}
