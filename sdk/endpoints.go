package conclave

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// endpoints are the nodes that a client knows. All calls go to the current one
// for as long as it answers; then the next one becomes current. A node that does
// not lead makes the leader current.
type endpoints struct {
	nodes   []*node
	current atomic.Int64
	// followed is when follow changed current last, in Unix nanoseconds.
	followed atomic.Int64
}

// followPause is how often a client goes after a leader at most: the namespaces
// that it uses may have different ones.
const followPause = time.Second

// newEndpoints starts somewhere in the list, so that many clients with the same
// list spread over the nodes.
func newEndpoints(urls []string, dial func(url string) *node) *endpoints {
	e := &endpoints{}
	for _, u := range urls {
		e.nodes = append(e.nodes, dial(u))
	}
	e.current.Store(rand.Int64N(int64(len(e.nodes))))
	return e
}

// pick returns the node to try now.
func (e *endpoints) pick() *node {
	return e.nodes[e.current.Load()]
}

// attach picks the node to attach a stream or a wait to. attached is ctx that
// ends when that node is left; the caller calls stop.
func (e *endpoints) attach(ctx context.Context) (at *node, attached context.Context, stop func()) {
	for {
		at = e.pick()
		attached, stop = at.attach(ctx)
		if e.pick() == at {
			return at, attached, stop
		}
		stop() // it was left just now
	}
}

// leave makes the next node current, unless another caller did so before. What
// is attached to the old one moves, too. What is attached to a node that stopped
// being current because it does not lead does not move: the node itself ends that
// when it has had no leader for long, and pings do when it is gone.
func (e *endpoints) leave(failed *node) {
	i := int64(slices.Index(e.nodes, failed))
	if i < 0 {
		return
	}
	if len(e.nodes) > 1 && e.current.CompareAndSwap(i, (i+1)%int64(len(e.nodes))) {
		failed.evictAll()
	}
}

// follow makes a node current that leads, by the word of the current one. What is
// attached there stays: waits and watches are as well off with a node that does
// not lead.
func (e *endpoints) follow(at *node, leader []string) {
	i := int64(slices.Index(e.nodes, at))
	now, last := time.Now().UnixNano(), e.followed.Load()
	if i != e.current.Load() || now-last < int64(followPause) || !e.followed.CompareAndSwap(last, now) {
		return
	}
	for _, url := range leader {
		if j := int64(slices.Index(e.nodes, e.find(url))); j >= 0 {
			e.current.CompareAndSwap(i, j)
			return
		}
	}
}

// find returns the node with that URL, nil if the client does not know it.
func (e *endpoints) find(url string) *node {
	for _, n := range e.nodes {
		if n.url == url {
			return n
		}
	}
	return nil
}

// parseEndpoint reads http://HOST:PORT, https://HOST:PORT or HOST:PORT.
func parseEndpoint(raw string) (string, error) {
	text := strings.TrimSpace(raw)
	if text != "" && !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", &Error{
			Reason:  reasonInvalid,
			Message: fmt.Sprintf("endpoint %q is not a URL such as http://127.0.0.1:7400", raw),
		}
	}
	return u.Scheme + "://" + u.Host, nil
}

func parseEndpoints(raw []string) ([]string, error) {
	if len(raw) == 0 {
		return nil, invalid("no endpoint is given; name one such as http://127.0.0.1:7400")
	}
	var urls []string
	for _, r := range raw {
		u, err := parseEndpoint(r)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return urls, nil
}
