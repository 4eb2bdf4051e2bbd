package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// peerPatience is how long an upgraded connection lives whose caller says
// nothing, or takes nothing.
const peerPatience = 30 * time.Second

// lastWords is how long the caller of a connection has to read why it ends.
const lastWords = time.Second

// preface is what the first message on an upgraded connection comes after.
const preface = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + wire.Protocol + "\r\n\r\n"

// upgrades are the connections that pipelines have taken over from the HTTP
// server, which looks after them no more. All methods may be called from many
// goroutines.
type upgrades struct {
	mu     sync.Mutex // protects conns and closed
	conns  map[*wire.Conn]struct{}
	closed bool // no more are taken
	work   sync.WaitGroup
}

// enter counts one more that is to be waited for, with work.Done at its end.
func (u *upgrades) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.work.Add(1)
	return true
}

func (u *upgrades) add(conn *wire.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conns == nil {
		u.conns = make(map[*wire.Conn]struct{})
	}
	u.conns[conn] = struct{}{}
	if u.closed {
		_ = conn.Close()
	}
}

func (u *upgrades) remove(conn *wire.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.conns, conn)
	_ = conn.Close()
}

// shutdown takes no more connections, waits for those that there are, and closes
// them when ctx ends.
func (u *upgrades) shutdown(ctx context.Context) error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	done := make(chan struct{})
	go func() {
		u.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	u.mu.Lock()
	for conn := range u.conns {
		_ = conn.Close()
	}
	u.mu.Unlock()
	<-done
	return ctx.Err()
}

// upgradable serves requests that want to take their connection over, and leaves
// others to next.
func (h pipelineHandler) upgradable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) && r.ProtoMajor == 1 &&
			r.URL.Path == conclavev1connect.PipelineServicePipelineProcedure &&
			strings.EqualFold(r.Header.Get("Upgrade"), wire.Protocol) && forThisHop(r.Header, "Upgrade") {
			h.upgrade(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forThisHop reports whether a header is meant for who is at the other end of the
// connection, and was not passed on by a proxy that does not know it.
func forThisHop(header http.Header, name string) bool {
	for _, value := range header.Values("Connection") {
		for option := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), name) {
				return true
			}
		}
	}
	return false
}

// upgrade serves a stream on the request's connection.
func (h pipelineHandler) upgrade(w http.ResponseWriter, r *http.Request) {
	if !h.upgrades.enter() { // before the HTTP server forgets the connection
		w.Header().Set("Connection", "close")
		http.Error(w, "this node is stopping", http.StatusServiceUnavailable)
		return
	}
	defer h.upgrades.work.Done()
	conn, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot be upgraded", http.StatusInternalServerError)
		return
	}
	stream := upgraded{wire.NewConn(conn, in.Reader, maxReadBytes, peerPatience)}
	h.upgrades.add(stream.Conn)
	defer h.upgrades.remove(stream.Conn)
	_ = h.edge.streamed(r.Context(), conclavev1connect.PipelineServicePipelineProcedure, func(ctx context.Context) error {
		if h.draining.Err() != nil { // who is not greeted keeps its calls
			if stream.SendAfter([]byte(preface), farewell(errDraining)) == nil {
				over := make(chan struct{})
				close(over) // nobody receives
				stream.Leave(over, lastWords)
			}
			return errDraining
		}
		if err := stream.SendAfter([]byte(preface), &conclavev1.PipelineResponse{}); err != nil {
			return goneError(err)
		}
		over, err := h.converse(ctx, stream)
		if errors.Is(err, errGone) {
			return err
		}
		if stream.Send(farewell(err)) == nil {
			stream.Leave(over, lastWords)
		}
		return err
	})
}

// farewell is the last message on an upgraded connection.
func farewell(err error) *conclavev1.PipelineResponse {
	f := explain(err)
	return &conclavev1.PipelineResponse{Ended: &conclavev1.CallError{Code: uint32(f.status()), Message: f.message, Info: f.info}}
}

// upgraded is a stream on a connection of its own.
type upgraded struct{ *wire.Conn }

// Send sends a message.
func (u upgraded) Send(response *conclavev1.PipelineResponse) error { return u.Conn.Send(response) }

// Receive waits for a message.
func (u upgraded) Receive() (*conclavev1.PipelineRequest, error) {
	request := &conclavev1.PipelineRequest{}
	err := u.Conn.Receive(request)
	switch {
	case err == nil:
		return request, nil
	case errors.Is(err, wire.ErrTooLarge):
		return nil, fail(conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE, "a message of the stream is larger than %d bytes", maxReadBytes)
	}
	return nil, goneError(err)
}

// errGone says that there is no caller any more. Here, unlike on a stream of
// Connect, the end of what it sends is the end of what it reads.
var errGone = fmt.Errorf("rpc: the caller is gone: %w", context.Canceled)

func goneError(err error) error {
	if errors.Is(err, io.EOF) {
		return errGone
	}
	return fmt.Errorf("%w: %w", errGone, err)
}
