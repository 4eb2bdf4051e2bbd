package conclave

import (
	"encoding/binary"
	"io"
	"net/http"
)

// wholeMessages is a transport for a stream. The stream writes the length of a
// message and the message one after the other, and the transport sends each
// write as a frame of its own: two system calls here and four at the node, for
// each message. What it reads from a wholeBody is one write.
type wholeMessages struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t wholeMessages) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		whole := *req
		whole.Body = &wholeBody{ReadCloser: req.Body}
		req = &whole
	}
	return t.RoundTripper.RoundTrip(req)
}

// wholeBody reads messages of the Connect protocol whole: a byte of flags, four
// of length, and so much data. Its writer writes the data right after the length,
// so waiting for it holds nothing up.
type wholeBody struct {
	io.ReadCloser
	left int // of the message that was begun
}

const envelopeBytes = 5

// Read implements io.Reader.
func (b *wholeBody) Read(p []byte) (n int, err error) {
	if b.left == 0 {
		var head [envelopeBytes]byte
		if len(p) < envelopeBytes {
			return 0, io.ErrShortBuffer // no transport reads so little
		}
		if _, err := io.ReadFull(b.ReadCloser, head[:]); err != nil {
			return 0, err
		}
		n = copy(p, head[:])
		b.left = int(binary.BigEndian.Uint32(head[1:]))
	}
	m, err := io.ReadFull(b.ReadCloser, p[n:n+min(b.left, len(p)-n)])
	b.left -= m
	return n + m, err
}
