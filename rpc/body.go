package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
)

const (
	// maxBodyBytes is beyond what any request may have, packed or not. Connect reads
	// a body to its end even when it is too large, however far that is.
	maxBodyBytes = maxImportBytes + 4<<20
	// bodyPatience is how long a piece of a body may take.
	bodyPatience = 10 * time.Second
	// bodyPieceBytes is how much has to come within the patience.
	bodyPieceBytes = 64 << 10
)

// patient bounds the bodies of requests with one message: how large they are, and
// how long they take. Streams go on as long as they like; pings look after them.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || streams(r) {
			next.ServeHTTP(w, r)
			return
		}
		if r.ContentLength > maxBodyBytes {
			refuseBody(w)
			return
		}
		b := &body{ReadCloser: http.MaxBytesReader(w, r.Body, maxBodyBytes), w: w}
		b.begin()
		defer b.end()
		r.Body = b
		next.ServeHTTP(w, r)
	})
}

// refuseBody answers a request whose body would be too large, before any of it comes.
func refuseBody(w http.ResponseWriter) {
	w.Header().Set("Connection", "close") // the body may follow all the same
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	_, _ = fmt.Fprintf(w, `{"code":%q,"message":"the body of the request is larger than %d bytes"}`+"\n", connect.CodeResourceExhausted, maxBodyBytes)
}

// streams says whether a request may have more messages than one. etcd's JSON gateway
// has two calls of that kind, and tells them by their paths alone.
func streams(r *http.Request) bool {
	switch r.URL.Path {
	case "/v3/watch", "/v3/lease/keepalive":
		return true
	}
	kind := r.Header.Get("Content-Type")
	return strings.HasPrefix(kind, "application/grpc") || strings.HasPrefix(kind, "application/connect+")
}

// body is the body of a request that is cut off when too little of it comes.
type body struct {
	io.ReadCloser
	w http.ResponseWriter

	mu    sync.Mutex // protects what follows
	timer *time.Timer
	// came is how much was read since the timer was set.
	came  int
	ended bool
}

// begin looks after the patience for the first time.
func (b *body) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(bodyPatience, b.look)
}

// Read says in its errors whose fault it is that there is no more.
func (b *body) Read(p []byte) (n int, err error) {
	n, err = b.ReadCloser.Read(p)
	b.mu.Lock()
	b.came += n
	b.mu.Unlock()
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		b.end()
		return n, err
	case errors.As(err, &tooLarge), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.w.Header().Set("Connection", "close") // nobody knows where the next request begins
		return n, connect.NewError(connect.CodeDeadlineExceeded, errors.New("the body of the request comes too slowly"))
	}
	return n, connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("the body of the request cannot be read: %w", err))
}

// look ends the reading when too little came since it last looked.
func (b *body) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
	case b.came >= bodyPieceBytes:
		b.came = 0
		b.timer.Reset(bodyPatience)
	default:
		_ = http.NewResponseController(b.w).SetReadDeadline(time.Unix(1, 0))
	}
}

// end stops looking: the body is read, or nobody reads it any more.
func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.timer.Stop()
}
