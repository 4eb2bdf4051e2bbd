package hostile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

const refused = `^HTTP/1\.[01] (4\d\d|501|505) `

// head is a request with these header lines after its first.
func head(first string, lines ...string) string {
	return first + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// http1Scripts are for any port: all speak HTTP/1.1.
func http1Scripts() []script {
	return []script{
		closes("silence", nil),
		closes("a first line that does not end", []byte("GET / HT")),
		closes("a header that does not end", []byte("GET / HTTP/1.1\r\nHost: h\r\nX: ")),
		{name: "a header at a byte now and then", run: slowHeader},
		{name: "silent connections by the thousand", run: crowd},
		answers("no HTTP", "GARBAGE\r\n\r\n", refused),
		answers("bytes at random", "\x00\x01\x02\x80\xff\r\n\r\n\r\n\r\n", refused),
		answers("a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", refused),
		answers("HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n", `^HTTP/1\.[01] [234]\d\d `),
		answers("HTTP/9.9", "GET / HTTP/9.9\r\nHost: h\r\n\r\n", refused),
		answers("no host", "GET / HTTP/1.1\r\n\r\n", refused),
		answers("two hosts", head("GET /", "Host: i"), refused),
		answers("a host that is none", "GET / HTTP/1.1\r\nHost: a b\x01\r\n\r\n", refused),
		answers("a path without a slash", head("GET x"), refused),
		answers("a path of two slashes", head("GET //v3/../v2/keys", "Connection: close"), `^HTTP/1.1 [34]\d\d `),
		answers("a path that leaves", head("GET /%2e%2e/%2e%2e/etc/passwd", "Connection: close"), `^HTTP/1.1 [34]\d\d `),
		answers("a method in small letters", head("post /conclave.v1.KVService/Put", "Connection: close"), refused),
		answers("CONNECT", head("CONNECT h:1", "Connection: close"), `^HTTP/1.1 [34]\d\d `),
		answers("a path of a megabyte", head("GET /"+strings.Repeat("a", 1<<20)), refused),
		answers("a header of a megabyte", head("GET /", "X: "+strings.Repeat("a", 1<<20)), refused),
		answers("ten thousand headers", head("GET /", strings.Split(strings.Repeat("X: a,", 30_000), ",")...), refused),
		answers("a header without a colon", head("GET /", "nonsense"), refused),
		answers("a space before the colon", head("GET /", "X : 1"), refused),
		answers("a NUL in a header", head("GET /", "X: a\x00b"), refused),
		answers("a length below zero", head("POST /", "Content-Length: -1"), refused),
		answers("a length that is no number", head("POST /", "Content-Length: 1e3"), refused),
		answers("two lengths", head("POST /", "Content-Length: 1", "Content-Length: 2"), refused),
		answers("an unknown transfer coding", head("POST /", "Transfer-Encoding: gzip, chunked"), refused),
		answers("two transfer codings", head("POST /", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), refused),
		{name: "a length beside chunks", run: smuggle},
		answers("h2c by upgrade", head("GET /x", "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), `^HTTP/1.1 [34]\d\d `),
		answers("a websocket", head("GET /x", "Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), `^HTTP/1.1 [34]\d\d `),
		{name: "requests one behind the other", run: pipelined},
	}
}

// slowHeader has to be over when the time for a header is, not later: each byte is
// no new beginning.
func slowHeader(a *attack) error {
	const text = "GET / HTTP/1.1\r\n"
	conn, err := a.connectFor(2 * a.within) // the end has to be the server's
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(a.within / time.Duration(len(text)))
	defer tick.Stop()
	for _, c := range []byte(text) {
		_, err := conn.Write([]byte{c})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("it is neither read nor closed: %w", err)
		}
		if err != nil {
			return nil
		}
		<-tick.C
		if closed(conn) {
			return nil
		}
	}
	return errors.New("it is still read")
}

// closed looks whether the other side is gone.
func closed(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := conn.Read(make([]byte, 512))
	var timeout net.Error
	return err != nil && !(errors.As(err, &timeout) && timeout.Timeout())
}

// crowd opens many connections and says nothing on them; who comes then is served.
func crowd(a *attack) error {
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	for range 1500 {
		conn, err := a.connect()
		if err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	reply, ended, err := a.say([]byte(head("GET /health", "Connection: close")), true)
	if err == nil && !bytes.HasPrefix(reply, []byte("HTTP/1.1 ")) {
		err = fmt.Errorf("who comes after them is not served, but told %.100q (ended: %v)", reply, ended)
	}
	return err
}

// smuggle gives a body two lengths. The chunks count, as RFC 9112 (6.3) has it, so
// what follows them is a request: net/http does not tell of the other length, and
// with no proxy in between there is nobody to be deceived. With the other length
// there would be one answer, of a body that does not begin like JSON.
func smuggle(a *attack) error {
	reply, _, err := a.say([]byte(head("POST /x", "Content-Length: 60", "Transfer-Encoding: chunked")+
		"0\r\n\r\n"+head("GET /behind", "Connection: close")), true)
	if n := bytes.Count(reply, []byte("HTTP/1.1 ")); err == nil && n != 2 {
		err = fmt.Errorf("%d answers to %.100q", n, reply)
	}
	return err
}

// pipelined are requests that wait for no answer; all have one.
func pipelined(a *attack) error {
	const n = 1000
	text := append(many(n-1, head("GET /x")), head("GET /x", "Connection: close")...)
	reply, _, err := a.say(text, true)
	if got := bytes.Count(reply, []byte("HTTP/1.1 ")); err == nil && got != n {
		err = fmt.Errorf("%d answers to %d requests", got, n)
	}
	return err
}

// body is a request with one.
func body(path, contentType, text string, lines ...string) string {
	return head("POST "+path, append(lines, "Content-Type: "+contentType, fmt.Sprintf("Content-Length: %d", len(text)), "Connection: close")...) + text
}

const (
	putPath    = "/conclave.v1.KVService/Put"
	nativePath = putPath
	etcdPath   = "/etcdserverpb.KV/Put"
)

// clientScripts are for the ports that have the pages and APIs of clients.
func clientScripts() []script {
	json := "application/json"
	return []script{
		answers("JSON ten thousand deep", body(putPath, json, `{"value":{"json":`+strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)+"}}"), refused),
		answers("the same key twice", body(putPath, json, `{"key":"a","key":"b"}`), refused),
		answers("a number that is none", body(putPath, json, `{"key":"a","lease_id":NaN}`), refused),
		answers("JSON that does not end", body(putPath, json, `{"key":"a`), refused),
		answers("a body beyond the limit", body(putPath, json, `{"key":"`+strings.Repeat("a", 5<<20)+`"}`), `^HTTP/1.1 4\d\d `),
		answers("a body that unpacks to a thousand times its size", body(putPath, "application/proto", bomb(64<<20), "Content-Encoding: gzip"), `^HTTP/1.1 4\d\d `),
		answers("a body that is not packed", body(putPath, "application/proto", "no gzip", "Content-Encoding: gzip"), refused),
		answers("an unknown packing", body(putPath, "application/proto", "", "Content-Encoding: zip"), refused),
		answers("an unknown type", body(putPath, "text/html", "<p>"), refused),
		answers("a timeout that is none", body(putPath, json, `{}`, "Connect-Timeout-Ms: 1e99"), refused),
		answers("a GET with a long query", head("GET /conclave.v1.KVService/Get?encoding=json&message="+strings.Repeat("%7B", 10_000), "Connection: close"), refused),
		answers("the gateway, ten thousand deep", body("/v3/kv/range", json, strings.Repeat(`{"a":`, 10_001)), refused),
		answers("the gateway, base64 that is none", body("/v3/kv/range", json, `{"key":"*"}`), refused),
		answers("v2, a form that is none", body("/v2/keys/a", "application/x-www-form-urlencoded", "%zz&;"), refused),
		answers("v2, a path of many directories", head("GET /v2/keys"+strings.Repeat("/a", 5_000), "Connection: close"), refused),
		{name: "the gateway, a body without an end", run: endless("/v3/kv/put", json, `{"key":"`)},
		{name: "v2, a body without an end", run: endless("/v2/keys/a", "application/x-www-form-urlencoded", "value=")},
		{name: "a body of chunks without an end", run: endless(putPath, json, `{"key":"`)},
		{name: "a body that stops", run: stalled},
		answers("a chunk without a length", head("POST "+putPath, "Content-Type: "+json, "Transfer-Encoding: chunked")+"zz\r\n{}\r\n0\r\n\r\n", refused),
		answers("a chunk beyond all lengths", head("POST "+putPath, "Content-Type: "+json, "Transfer-Encoding: chunked")+"ffffffffffffffff1\r\n{}\r\n", refused),
		answers("a chunk with a long remark", head("POST "+putPath, "Content-Type: "+json, "Transfer-Encoding: chunked")+"2;"+strings.Repeat("x", 1<<20)+"\r\n{}\r\n", refused),
	}
}

// bomb is so many bytes, packed.
func bomb(size int64) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.CopyN(w, zeros{}, size)
	_ = w.Close()
	return out.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// endless sends a body of 96 MiB in chunks: it has to be refused, or read without
// being kept.
func endless(path, contentType, begin string) func(*attack) error {
	return func(a *attack) error {
		conn, err := a.connect()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		var reply []byte
		var ended bool
		var listening sync.WaitGroup
		listening.Go(func() { reply, ended = a.listen(conn, true) })
		_, err = io.WriteString(conn, head("POST "+path, "Content-Type: "+contentType, "Transfer-Encoding: chunked")+
			fmt.Sprintf("%x\r\n%s\r\n", len(begin), begin))
		piece := append([]byte("10000\r\n"), append(many(1<<16, "a"), "\r\n"...)...)
		for i := 0; i < 96<<20>>16 && err == nil; i++ {
			_, err = conn.Write(piece)
		}
		if err == nil {
			return errors.New("96 MiB were taken")
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("it is neither refused nor read: %w", err)
		}
		listening.Wait()
		return want(refused, reply, ended)
	}
}

// stalled begins a body and does not go on: that is answered, and ends the
// connection.
func stalled(a *attack) error {
	conn, err := a.connectFor(2 * a.within) // bodies have more time than headers
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, head("POST "+putPath, "Content-Type: application/json", "Content-Length: 100")+`{"key":`); err != nil {
		return err
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		return fmt.Errorf("it is waited for: %w", err)
	}
	return want(`^HTTP/1.1 (408|504) `, reply, false)
}
