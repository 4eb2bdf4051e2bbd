package conclave

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// node is one endpoint.
//
// Unary calls share a stream: see pipeline. There are two of them, on
// connections of their own: one for calls that are answered at once, one for
// waits and renewals, which never queue behind the former. Watches of keys share a
// third stream: see watchPipe. It and all other streams are on the connection of
// the second: thousands of them need few sockets, and pings find a dead
// peer.
//
// Where the pipeline does not work, calls that are answered at once go over a
// pool of HTTP/1.1 connections, which costs a quarter less than HTTP/2 in Go's
// HTTP library.
type node struct {
	url   string
	quick *services
	long  *services
	http  *http.Client

	mu     sync.Mutex // protects tenant and evict
	tenant context.Context
	evict  context.CancelCauseFunc
}

// errEvicted is the cause of streams and waits that end because their node was
// left.
var errEvicted = errors.New("another node answers better")

// attach is ctx that ends with errEvicted when the node is left for failing: a
// stream or a wait at a node that is cut off from the others would hear nothing for
// ever. The caller calls stop.
func (n *node) attach(ctx context.Context) (attached context.Context, stop func()) {
	n.mu.Lock()
	if n.tenant == nil {
		n.tenant, n.evict = context.WithCancelCause(context.Background())
	}
	tenant := n.tenant
	n.mu.Unlock()
	return joined(ctx, tenant)
}

// evictAll ends what is attached to the node now.
func (n *node) evictAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.evict != nil {
		n.evict(errEvicted)
		n.tenant, n.evict = nil, nil
	}
}

// evicted reports whether an attached context ended because the node was left.
func evicted(attached context.Context) bool {
	return context.Cause(attached) == errEvicted
}
