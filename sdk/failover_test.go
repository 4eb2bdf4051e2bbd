package conclave_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/embed"
	conclave "github.com/conclavehq/conclave/sdk"
)

// startCluster runs nodes in this process. They end with the test.
func startCluster(t *testing.T, size int) []*embed.Node {
	t.Helper()
	var names, peers []string
	for i := range size {
		// The port is free now; nobody else takes it in the moment that is left.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		peers = append(peers, "http://"+l.Addr().String())
		names = append(names, fmt.Sprintf("n%d=%s", i, peers[i]))
	}
	type started struct {
		i    int
		node *embed.Node
		err  error
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results := make(chan started, size)
	for i := range size {
		go func() {
			node, err := embed.Start(ctx, embed.Config{
				Dir:            t.TempDir(),
				Name:           fmt.Sprintf("n%d", i),
				PeerURL:        peers[i],
				InitialCluster: strings.Join(names, ","),
			})
			results <- started{i, node, err}
		}()
	}
	nodes := make([]*embed.Node, size)
	for range size {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		nodes[r.i] = r.node
		t.Cleanup(func() { _ = r.node.Stop() })
	}
	return nodes
}

// Promises R4 and D4
func TestNodesStopOneAfterTheOther(t *testing.T) {
	if testing.Short() {
		t.Skip("runs three nodes")
	}
	nodes := startCluster(t, 3)
	var urls []string
	for _, node := range nodes {
		urls = append(urls, node.Endpoints()...)
	}
	c, err := conclave.Dial(t.Context(), urls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })

	ctx := t.Context()
	holder, waiter := open(t, c, conclave.WithTTL(20*time.Second)), open(t, c, conclave.WithTTL(20*time.Second))
	hold, err := holder.Mutex("m").Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	granted := make(chan error, 1)
	go func() {
		_, err := waiter.Mutex("m").Lock(ctx)
		granted <- err
	}()
	events := make(chan string, 10)
	begun := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func(begun chan struct{}) {
		defer close(watched)
		for event, err := range c.Watch(watching, "k", conclave.WithProgress(time.Hour)) {
			if err != nil {
				return
			}
			switch {
			case event.Type != conclave.EventProgress:
				events <- event.KV.String()
			case begun != nil:
				close(begun)
				begun = nil
			}
		}
	}(begun)
	<-begun
	waitFor(t, func() bool {
		info, err := c.GetMutex(ctx, "m")
		return err == nil && info.Waiting == 1
	})
	if _, err := c.Put(ctx, "k", "before"); err != nil {
		t.Fatal(err)
	}

	// Whichever node the waiter hangs on: it is the one that stops.
	at := -1
	for i, node := range nodes {
		if node.Endpoints()[0] == conclave.CurrentEndpoint(c) {
			at = i
		}
	}
	if err := nodes[at].Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, "k", "after"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before", "after"} {
		if got := <-events; got != want {
			t.Errorf("the watch told %q, want %q", got, want)
		}
	}
	if info, err := c.GetMutex(ctx, "m"); err != nil || info.Waiting != 1 || !hold.Held() {
		t.Errorf("%+v, %v: the line has changed", info, err)
	}
	if err := hold.Unlock(ctx); err != nil {
		t.Error(err)
	}
	if err := <-granted; err != nil {
		t.Error(err)
	}
	stop()
	<-watched
}
