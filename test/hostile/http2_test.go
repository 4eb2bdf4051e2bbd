package hostile

import (
	"io"
	"strings"
)

// http2Scripts are for any port: all speak HTTP/2 without TLS. One of two servers
// answers, net/http's and grpc-go's, which differ in what they end a connection for;
// a script that only passes is one that either of them ignores without keeping
// anything.
func http2Scripts() []script {
	open := frame(fHeaders, endHeaders, 1, request("/x"))
	return []script{
		closes("the preface and nothing", []byte(preface)),
		closes("half a preface", []byte(preface[:12])),
		closes("no settings", []byte(preface+frame(fPing, 0, 0, "12345678"))),
		breaks("settings of five bytes", frame(fSettings, 0, 0, "12345")),
		breaks("settings of a stream", frame(fSettings, 0, 1, "")),
		breaks("a window of 2^31", frame(fSettings, 0, 0, setting(4, 1<<31))),
		passes("frames of one byte", frame(fSettings, 0, 0, setting(5, 1))),
		passes("settings flood", string(many(flood, frame(fSettings, 0, 0, setting(3, 1))))),
		passes("ping flood", string(many(flood, frame(fPing, 0, 0, "12345678")))),
		passes("priority flood", open+string(many(flood, frame(fPriority, 0, 1, word(0)+"\x10")))),
		passes("window flood", open+string(many(flood, frame(fWindow, 0, 1, word(1))))),
		passes("empty data flood", open+string(many(flood, frame(fData, 0, 1, "")))),
		passes("unknown frames flood", string(many(flood, frame(0x77, 0xff, 1, "12345678")))),
		passes("header tables of all sizes", string(many(flood, frame(fSettings, 0, 0, setting(1, 0)+setting(1, 1<<31))))),
		breaks("a ping of seven bytes", frame(fPing, 0, 0, "1234567")),
		breaks("a frame of 16 MiB", frameOf(1<<24-1, fData, 0, 1)),
		breaks("data of no stream", frame(fData, 0, 0, "x")),
		breaks("headers of no stream", frame(fHeaders, endHeaders, 0, request("/x"))),
		passes("data of a stream that is not open", frame(fData, 0, 1, "x")),
		breaks("headers of an even stream", frame(fHeaders, endHeaders|endStream, 2, request("/x"))),
		breaks("a stream before the last", frame(fHeaders, endHeaders|endStream, 5, request("/x"))+frame(fHeaders, endHeaders|endStream, 3, request("/x"))),
		settles("more padding than frame", frame(fHeaders, endHeaders|padded, 1, "\xffabc")),
		breaks("headers cut by another frame", frame(fHeaders, 0, 1, request("/x"))+frame(fPing, 0, 0, "12345678")),
		breaks("a continuation of nothing", frame(fContinuation, endHeaders, 1, request("/x"))),
		breaks("continuations without an end", frame(fHeaders, 0, 1, request("/x"))+string(many(flood, frame(fContinuation, 0, 1, field("x", strings.Repeat("a", 100)))))),
		passes("empty continuations without an end", frame(fHeaders, 0, 1, request("/x"))+string(many(flood, frame(fContinuation, 0, 1, "")))),
		breaks("headers that do not unpack", frame(fHeaders, endHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff\xff")),
		breaks("an index beyond the table", frame(fHeaders, endHeaders, 1, request("/x")+"\xfe")),
		settles("headers that unpack to 64 MiB", frame(fHeaders, 0, 1, request("/x", kept("b", strings.Repeat("x", 3900))))+string(many(2, frame(fContinuation, 0, 1, strings.Repeat("\xbe", 8000))))+frame(fContinuation, endHeaders|endStream, 1, "")),
		settles("ten thousand fields", frame(fHeaders, 0, 1, request("/x"))+string(many(80, frame(fContinuation, 0, 1, strings.Repeat(field("x", "y"), 500))))+frame(fContinuation, endHeaders|endStream, 1, "")),
		breaks("a window update of nothing", frame(fWindow, 0, 0, word(0))),
		passes("a window beyond 2^31", frame(fWindow, 0, 0, word(1<<31-1))+frame(fWindow, 0, 0, word(1<<31-1))),
		settles("a push from a client", open+frame(fPush, endHeaders, 1, word(2)+request("/x"))),
		settles("a stream that depends on itself", frame(fHeaders, endHeaders|endStream|0x20, 1, word(1)+"\x10"+request("/x"))),
		passes("goodbye, and more", frame(fGoAway, 0, 0, word(0)+word(0))+frame(fHeaders, endHeaders|endStream, 1, request("/x"))),
		{name: "streams that are opened and reset", run: rapidReset, lenient: true},
		{name: "streams that are opened and left", run: manyStreams, lenient: true},
		settles("no path", frame(fHeaders, endHeaders|endStream, 1, field(":method", "POST")+field(":scheme", "http"))),
		settles("a path without a slash", frame(fHeaders, endHeaders|endStream, 1, request("x"))),
		settles("two paths", frame(fHeaders, endHeaders|endStream, 1, field(":path", "/a")+request("/x"))),
		settles("a path after the fields", frame(fHeaders, endHeaders|endStream, 1, field("a", "b")+request("/x"))),
		settles("an unknown pseudo field", frame(fHeaders, endHeaders|endStream, 1, field(":evil", "b")+request("/x"))),
		settles("a name in capitals", frame(fHeaders, endHeaders|endStream, 1, request("/x", field("ABC", "d")))),
		settles("a field of the connection", frame(fHeaders, endHeaders|endStream, 1, request("/x", field("connection", "close"), field("transfer-encoding", "chunked")))),
		settles("a line end in a value", frame(fHeaders, endHeaders|endStream, 1, request("/x", field("a", "b\r\nc: d")))),
		settles("a length that is not kept", frame(fHeaders, endHeaders, 1, request("/x", field("content-length", "5")))+frame(fData, endStream, 1, "too long for it")),
	}
}

// rapidReset opens streams and resets them at once.
func rapidReset(a *attack) error { return a.streams(true) }

// manyStreams opens streams and leaves them open.
func manyStreams(a *attack) error { return a.streams(false) }

func (a *attack) streams(reset bool) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	block := request(etcdPath)
	_, err = io.WriteString(conn, preface+frame(fSettings, 0, 0, ""))
	for id := uint32(1); id < 2*flood && err == nil; id += 2 {
		text := frame(fHeaders, endHeaders, id, block)
		if reset {
			text += frame(fReset, 0, id, word(8))
		}
		_, err = io.WriteString(conn, text)
	}
	return nil // that it ends the connection is right, too
}

// grpcScripts are calls of a path that is there.
func grpcScripts(path string) []script {
	call := func(message string, more ...string) string {
		return frame(fHeaders, endHeaders, 1, request(path, more...)) + frame(fData, endStream, 1, message)
	}
	return []script{
		settles("a message of 2^32-1", call("\x00\xff\xff\xff\xff")),
		settles("a message of 2^31", call("\x00\x80\x00\x00\x00abc")),
		settles("a message cut off", call("\x00\x00\x00\x00\x10abc")),
		settles("packed, but not said how", call("\x01\x00\x00\x00\x03abc")),
		settles("packed in an unknown way", call("\x01\x00\x00\x00\x03abc", field("grpc-encoding", "zip"))),
		settles("said to be gzip", call("\x01\x00\x00\x00\x03abc", field("grpc-encoding", "gzip"))),
		settles("unknown flags", call("\xfe\x00\x00\x00\x00")),
		settles("two messages", call("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
		settles("no message", call("")),
		settles("a timeout that is none", call("\x00\x00\x00\x00\x00", field("grpc-timeout", "99999999999999999S"))),
		settles("a timeout of nothing", call("\x00\x00\x00\x00\x00", field("grpc-timeout", "0n"))),
		settles("binary metadata that is none", call("\x00\x00\x00\x00\x00", field("x-bin", "***"))),
		settles("a GET", frame(fHeaders, endHeaders|endStream, 1, field(":method", "GET")+field(":scheme", "http")+field(":path", path)+field(":authority", "h")+field("content-type", "application/grpc"))),
		settles("a message that unpacks to a thousand times its size", frame(fHeaders, endHeaders, 1, request(path, field("grpc-encoding", "gzip")))+inFrames(packed(32<<20))),
		passes("a window of nothing while there is an answer", frame(fSettings, 0, 0, setting(4, 0))+call("\x00\x00\x00\x00\x00")),
		passes("trailers flood", frame(fHeaders, endHeaders, 1, request(path))+string(many(200, frame(fHeaders, endHeaders|endStream, 1, field("a", "b"))))),
	}
}

// packed is a gRPC message of gzip.
func packed(size int64) string {
	data := bomb(size)
	return "\x01" + word(uint32(len(data))) + data
}

// inFrames is data of stream 1 up to its end.
func inFrames(data string) (text string) {
	const most = 16 << 10
	for len(data) > most {
		text, data = text+frame(fData, 0, 1, data[:most]), data[most:]
	}
	return text + frame(fData, endStream, 1, data)
}
