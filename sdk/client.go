package conclave

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Client talks to a cluster. One client per process is enough: it may be used by
// any number of goroutines, and its calls share connections.
type Client struct {
	space          *incarnation
	log            *slog.Logger
	requestTimeout time.Duration

	connections *connections
	endpoints   *endpoints

	// Waits have ids of their own: they stay open for long, and would hold back
	// done_below for everything else.
	quickIDs *requestIDs
	waitIDs  *requestIDs

	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc

	mu     sync.Mutex // protects closed and warned, and orders Close after go
	closed bool
	warned time.Time // when it was logged that no endpoint serves
	tasks  sync.WaitGroup
}

// Dial makes a client of the cluster that answers at the endpoints: URLs such as
// http://127.0.0.1:7400. It connects to nothing yet, so it fails only when an
// endpoint or an option makes no sense (ErrInvalid). ctx bounds Dial, not the
// client.
//
// The client stays with one endpoint for as long as it answers and goes on with
// the next one otherwise, so give it all of them.
func Dial(ctx context.Context, endpoints []string, opts ...Option) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	urls, err := parseEndpoints(endpoints)
	if err != nil {
		return nil, err
	}
	cfg := newConfig(opts)
	if cfg.dialTimeout < 0 || cfg.requestTimeout < 0 {
		return nil, invalid("a timeout is not below 0")
	}

	connections := newConnections(cfg)
	c := &Client{
		space:          newIncarnation(cfg.namespace),
		log:            cfg.logger,
		requestTimeout: cfg.requestTimeout,
		connections:    connections,
		endpoints:      newEndpoints(urls, connections.dial),
		quickIDs:       newRequestIDs(""),
		waitIDs:        newRequestIDs("w"),
	}
	connections.led = c.endpoints.follow
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c, nil
}

// Close ends all waits, iterators and sessions of the client and returns when
// their goroutines are gone. Sessions that are still open are not revoked: what
// they hold is free when their TTL has passed, so close them first. Closing
// twice does nothing. Calls of a closed client fail with ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel(&Error{Reason: reasonClosed, Message: "the client is closed"})
	c.tasks.Wait()
	c.connections.close()
	return nil
}

// Endpoints are the URLs that the client was given.
func (c *Client) Endpoints() []string {
	return each(c.endpoints.nodes, func(n *node) string { return n.url })
}

// Namespace is the name of the namespace that the client works in, as Dial got it.
func (c *Client) Namespace() string {
	if c.space.name == "" {
		return defaultNamespace
	}
	return c.space.name
}

// start runs a task of the background. Close waits for it, so it has to end
// when the client's context does. It reports false when the client is closed.
func (c *Client) start(task func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.tasks.Go(task)
	return true
}

// warnEvery is how often it is logged that no endpoint serves.
const warnEvery = 30 * time.Second

// warnThatNoneServes logs that a call has tried all endpoints in vain, once for
// all calls that go through the same.
func (c *Client) warnThatNoneServes(last *Error) {
	c.mu.Lock()
	due := time.Since(c.warned) >= warnEvery
	if due {
		c.warned = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.log.Warn("no endpoint serves; calls go on trying until their contexts end", "endpoints", c.Endpoints(), "last", last)
	}
}

// attached is ctx that ends with the client as well. The caller calls stop.
func (c *Client) attached(ctx context.Context) (attached context.Context, stop func()) {
	return joined(ctx, c.ctx)
}

// joined is ctx that ends with other as well, and then with its cause. The
// caller calls stop.
func joined(ctx, other context.Context) (both context.Context, stop func()) {
	both, cancel := context.WithCancelCause(ctx)
	leave := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return both, func() {
		leave()
		cancel(nil)
	}
}
