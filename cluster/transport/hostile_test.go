package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// Strangers that are silent, slow, half-open or noisy must not keep a good
// peer waiting, not even when they are many.
func TestRegressionDragonboatHostileConnections(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), func(m *MuxConfig, _ *Config) { m.HandshakeTimeout = patience })
	a.knows(b)
	serveHTTP(t, b.mux)

	hello := sealHandshake([]byte(magic), kindHello, clusterNode("n7").appendTo)
	for range 20 {
		b.dialRaw(t)                                         // silent
		write(t, b.dialRaw(t), hello[:5])                    // stuck in the magic
		write(t, b.dialRaw(t), hello[:20])                   // stuck in the hello
		write(t, b.dialRaw(t), bytes.Repeat(hello[8:9], 64)) // neither HTTP nor Raft
	}
	a.mustReach(t, b)
	mustPost(t, b.addr)
}

func TestBadHandshakesAreClosed(t *testing.T) {
	b := startPeer(t, clusterNode("n2"), nil)
	good := sealHandshake([]byte(magic), kindHello, clusterNode("n7").appendTo)
	change := func(at int, to byte) []byte {
		bad := bytes.Clone(good)
		bad[at] = to
		return bad
	}
	for name, bytes := range map[string][]byte{
		"version":   change(8, 9),
		"kind":      change(9, kindAnswer),
		"length":    change(10, 0xff),
		"checksum":  change(len(good)-1, good[len(good)-1]+1),
		"content":   change(20, good[20]+1),
		"no name":   sealHandshake([]byte(magic), kindHello, Hello{ClusterID: 0xc1}.appendTo),
		"too short": sealHandshake([]byte(magic), kindHello, func(b []byte) []byte { return append(b, 1, 2) }),
	} {
		t.Run(name, func(t *testing.T) {
			conn := b.dialRaw(t)
			write(t, conn, bytes)
			_ = conn.(*net.TCPConn).CloseWrite()
			mustBeClosed(t, conn)
		})
	}
}

func TestRegressionDragonboatBadFrames(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)
	good, err := a.dial(t, b)
	if err != nil {
		t.Fatal(err)
	}

	frame := func(kind frameKind, payload []byte) []byte {
		f := append(make([]byte, frameHeaderLen), payload...)
		frameHeader(f, kind)
		return f
	}
	huge := func(length uint32) []byte {
		f := frame(batchFrame, nil)
		binary.BigEndian.PutUint32(f[1:], length)
		return f
	}
	badSum := frame(batchFrame, []byte("x"))
	badSum[8]++
	for name, bytes := range map[string][]byte{
		"random":       bytes.Repeat([]byte("spam"), 1000),
		"unknown type": frame(9, nil),
		"4 GiB":        huge(1<<32 - 1),
		"over limit":   huge(maxBatchLen + 1),
		"checksum":     badSum,
		"garbage":      frame(batchFrame, []byte("not a batch at all")),
		"half varint":  frame(chunkFrame, []byte{0x08, 0xff, 0xff}),
	} {
		t.Run(name, func(t *testing.T) {
			conn := b.dialRaw(t)
			write(t, conn, sealHandshake([]byte(magic), kindHello, clusterNode("n7").appendTo))
			if _, err := readHandshake(conn, kindAnswer); err != nil {
				t.Fatal(err)
			}
			write(t, conn, bytes)
			mustBeClosed(t, conn)
		})
	}
	if err := good.SendMessageBatch(testBatch(a.self)); err != nil {
		t.Fatal(err)
	}
	receive(t, b.batches)
}

func TestRegressionDragonboatSilentConnectionLosesItsSlot(t *testing.T) {
	b := startPeer(t, clusterNode("n2"), func(m *MuxConfig, _ *Config) {
		m.MaxHandshakes = 1
		m.HandshakeTimeout = 50 * time.Millisecond
	})
	silent := b.dialRaw(t)
	mustBeClosed(t, silent)
	a := startPeer(t, clusterNode("n1"), nil).knows(b)
	eventually(t, func() bool { return b.mux.handshakes.Len() == 0 })
	a.mustReach(t, b)
}

// More silent connections than there is room for push each other out, not the
// peer that comes after them.
func TestRegressionDragonboatHandshakesAreBounded(t *testing.T) {
	b := startPeer(t, clusterNode("n2"), func(m *MuxConfig, _ *Config) {
		m.MaxHandshakes = 2
		m.HandshakeTimeout = patience
	})
	first := b.dialRaw(t)
	eventually(t, func() bool { return b.mux.handshakes.Len() == 1 })
	b.dialRaw(t)
	eventually(t, func() bool { return b.mux.handshakes.Len() == 2 })
	b.dialRaw(t)
	mustBeClosed(t, first)
	if n := b.mux.handshakes.Len(); n != 2 {
		t.Errorf("%d are in their handshake", n)
	}
	startPeer(t, clusterNode("n1"), nil).knows(b).mustReach(t, b)
}

// Strangers that ask something over HTTP and stay push each other out, not those that
// turned out to be peers, and take no room from Raft.
func TestStrangersAreBounded(t *testing.T) {
	b := startPeer(t, clusterNode("n2"), func(m *MuxConfig, _ *Config) { m.MaxStrangers, m.MaxConnections = 2, 6 })
	server := &http.Server{
		ReadHeaderTimeout: patience,
		ConnContext:       func(ctx context.Context, conn net.Conn) context.Context { return context.WithValue(ctx, t, conn) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/peer" {
				b.mux.Know(r.Context().Value(t).(net.Conn))
			}
			_, _ = io.WriteString(w, r.URL.Path)
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(b.mux.HTTP()) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	ask := func(path string) net.Conn {
		conn := b.dialRaw(t)
		write(t, conn, []byte("GET "+path+" HTTP/1.1\r\nHost: n2\r\n\r\n"))
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v", path, err)
		}
		return conn
	}
	known := ask("/peer")
	first := ask("/")
	for range 20 {
		ask("/")
	}
	mustBeClosed(t, first)
	write(t, known, []byte("GET /peer HTTP/1.1\r\nHost: n2\r\n\r\n"))
	if _, err := http.ReadResponse(bufio.NewReader(known), nil); err != nil {
		t.Errorf("the peer's connection: %v", err)
	}
	startPeer(t, clusterNode("n1"), nil).knows(b).mustReach(t, b)
	_ = known.Close()
	eventually(t, func() bool { return b.mux.strangers.Len() == 2 })
}

func write(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// mustBeClosed waits until the other side hung up, with whatever it said last.
func mustBeClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stays open")
	}
}
